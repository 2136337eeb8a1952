//! Where the system's certificates are read: in a process of its own, which the environment tells
//! where they are, and in which nobody has read them yet.

#![cfg(all(unix, not(target_vendor = "apple")))]

use std::path::Path;
use std::process::Command;

use farewell::ConnectError;

use crate::support::{authority_pem, bounded};

const ROOTS: &str = "SSL_CERT_FILE";
const ALONE: &str = "FAREWELL_TLS_ROOTS_ALONE";

/// They are in a pipe here, and who writes them runs on the thread of the one that waits for them.
#[test]
fn the_systems_certificates_are_read_where_nobody_waits_for_the_thread() {
    if let Some(alone) = std::env::var_os(ALONE) {
        return bounded(move || connects_on_one_thread(Path::new(&alone)));
    }
    let pipe = std::env::temp_dir().join(format!("farewell-roots-{}", std::process::id()));
    let _ = std::fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let test = "roots::the_systems_certificates_are_read_where_nobody_waits_for_the_thread";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, &pipe)
        .env(ROOTS, &pipe)
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    std::fs::remove_file(&pipe).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn connects_on_one_thread(pipe: &Path) {
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let (authority, ..) = authority_pem();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("wss://127.0.0.1:{}/", nobody.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let attempts =
            async { tokio::join!(farewell::aio::connect(&url), farewell::aio::connect(&url)) };
        // One who blocks this thread gets nothing to read.
        let ((one, other), ()) = tokio::join!(attempts, async {
            tokio::fs::write(pipe, authority).await.unwrap();
        });
        for attempt in [one, other] {
            let error = attempt.err().unwrap();
            assert!(matches!(error, ConnectError::Dial(_)), "{error}");
        }
    });
}
