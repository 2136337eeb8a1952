//! Visits over TLS.

use super::*;
use peers::tls_server;

const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/certificates/authority.pem");

fn url(address: std::net::SocketAddr) -> String {
    format!("wss://{address}/")
}

#[test]
fn an_authority_of_ones_own_is_trusted_where_that_is_asked_for() {
    let url = url(tls_server(|socket| closes(socket, 1000, "done")));
    let page = program::page("tls");
    let options = ["--ca", AUTHORITY, "--timeline", page.path(), &url];
    let said = doctor(&options).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    said.has(&["connected to wss://", "clean (1000)", "TLS 1.3, TLS13_", "http/1.1"]);
    said.has(&["CN=localhost, for 127.0.0.1, localhost, issued by CN=The authority of"]);
    // What TLS hides from everybody else is drawn.
    let page = page.read();
    for drawn in ["TLS handshake: ", "HTTP GET", "HTTP 101", "Close 1000", "FIN"] {
        assert!(page.contains(drawn), "{drawn}");
    }
    let said = doctor(&[&*url]).finish();
    assert_eq!(said.status, 6, "{}", said.text);
    said.has(&[
        "not connected to",
        "issued by somebody who is not trusted here",
        "→ If the issuer",
        "of your own is trusted with --ca FILE",
    ]);
}

#[test]
fn trusting_everybody_is_said_loudly() {
    let url = url(tls_server(|socket| closes(socket, 1000, "done")));
    let said = doctor(&["--insecure", &url]).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    said.has(&["WARNING: --insecure", "NOT VERIFIED"]);
    let said = doctor(&["--insecure", "--json", &url]).finish();
    said.has(&["WARNING: --insecure"]);
    let [document] = &said.documents()[..] else { panic!("{}", said.text) };
    assert_eq!(document["termination"]["tls"]["unverified"], true);
    assert_eq!(document["termination"]["tls"]["version"], "1.3");
}

#[test]
fn the_wrong_scheme_for_a_port_is_explained() {
    let plain = raw_server(|mut stream| {
        let _ = std::io::Read::read(&mut stream, &mut [0; 100]);
        let bad = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        std::io::Write::write_all(&mut stream, bad).unwrap();
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let said = doctor(&[&*url(plain)]).finish();
    assert_eq!(said.status, 6, "{}", said.text);
    said.has(&["the other end speaks plain text where TLS was expected", "use ws:// instead"]);
    let secure = tls_server(drop);
    let said = doctor(&[&format!("ws://{secure}/")]).finish();
    assert_eq!(said.status, 4, "{}", said.text);
    said.has(&["the other end speaks TLS", "Use wss:// instead of ws://"]);
}

#[test]
fn tls_goes_through_a_proxy() {
    let url = url(tls_server(|socket| closes(socket, 1000, "done")));
    let proxy = proxy(Proxying::Http, 1);
    let through = format!("http://user:pass%20word@{proxy}");
    let said = doctor(&["--proxy", &through, "--ca", AUTHORITY, &url]).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    said.has(&["clean (1000)", "the HTTP proxy answered status 200", "TLS 1.3"]);
}

/// One that speaks TLS and is no proxy: what is said of it comes through the TLS with it.
#[test]
fn tls_is_spoken_with_a_proxy() {
    let through = format!("https://user:pass%20word@{}", tls_server(drop));
    let said = doctor(&["--proxy", &through, "--ca", AUTHORITY, "ws://server.example/"]).finish();
    assert_eq!(said.status, 3, "{}", said.text);
    said.has(&["TLS 1.3 with the proxy in ", "the HTTPS proxy answered status 4"]);
    said.has(&["proxy's certificate", "for 127.0.0.1, localhost, issued by CN=The authority of"]);
    let through = format!("https://user:pass%20word@{}", tls_server(drop));
    let strange = doctor(&["--proxy", &through, "wss://server.example/"]).finish();
    assert_eq!(strange.status, 3, "{}", strange.text);
    strange.has(&[
        "TLS with the proxy: the proxy's certificate was issued by somebody who is not trusted",
        "of your own is trusted with --ca FILE",
    ]);
    for said in [said, strange] {
        assert!(!said.text.contains("word"), "{}", said.text);
    }
}

#[test]
fn the_probe_holds_connections_over_tls() {
    let url = url(tls_server(echo));
    let options = ["--probe-idle", "--for", "0.4", "--ca", AUTHORITY, &url];
    let said = doctor(&options).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    said.has(&["No idle timeout below 400 ms"]);
}
