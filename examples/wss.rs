//! A client and an echo server that speak TLS.
//!
//! `cargo run --release --features wss --example wss -- [OPTION] URL` says hello to a `wss://` URL,
//! and prints what was agreed on, the way there, and how it ended, or why there is no connection.
//!
//! - `--ca FILE`: trusts the authorities in this PEM file as well, a company's own for example
//! - `--insecure`: trusts everybody, to find out what is wrong with a server
//!
//! `... -- serve ADDRESS CHAIN KEY` echoes, with the certificate and the key of these PEM files.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use farewell::handshake::{ClientRequest, Origins};
use farewell::tls::{TlsClient, TlsServer};
use farewell::{AcceptError, Acceptor, CloseCode, ConnectOptions, TlsFacts, blocking};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    // With all features there are two providers of cryptography, of which a process chooses one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", address, chain, key] => {
            let tls = TlsServer::from_pem(fs::read(chain)?, fs::read(key)?)?;
            serve(&TcpListener::bind(address)?, &tls)
        }
        [url] => visit(url, TlsClient::new()?),
        ["--ca", file, url] => visit(url, TlsClient::builder().ca_pem(fs::read(file)?)?.build()?),
        ["--insecure", url] => {
            eprintln!("--insecure: whoever is on the way can read and change everything");
            visit(url, TlsClient::builder().dangerous_without_verification().build()?)
        }
        _ => Err("[--ca FILE | --insecure] URL, or serve ADDRESS CHAIN KEY".into()),
    }
}

fn visit(url: &str, tls: TlsClient) -> Result<()> {
    let request = ClientRequest::new(url)?;
    let mut socket = match blocking::connect_with(&request, ConnectOptions::new().tls(tls)) {
        Ok(socket) => socket,
        Err(error) => {
            if let Some(diagnosis) = error.diagnosis() {
                println!("{diagnosis:#}");
            }
            return Err(error.to_string().into());
        }
    };
    if let Some(facts) = socket.tls() {
        show(facts);
    }
    if let Some(way) = socket.dial() {
        println!("{way}");
    }
    socket.send("hello")?;
    println!("{:?}", socket.next());
    println!("{}", socket.close(CloseCode::NORMAL));
    Ok(())
}

fn show(facts: &TlsFacts) {
    if let (Some(version), Some(suite)) = (facts.version, facts.cipher_suite) {
        let protocol = facts.alpn.as_deref().unwrap_or("none");
        println!("{version}, {suite}, application protocol: {protocol}");
    }
    if let Some(name) = &facts.server_name {
        println!("asked for {name}");
    }
    if let Some(certificate) = &facts.certificate {
        println!("shown {}, issued by {}", certificate.subject, certificate.issuer);
    }
}

fn serve(listener: &TcpListener, tls: &TlsServer) -> Result<()> {
    println!("listening on {}", listener.local_addr()?);
    let acceptor = Acceptor::new(Origins::Any);
    for stream in listener.incoming() {
        let (acceptor, tls) = (acceptor.clone(), tls.clone());
        let spawned = stream
            .and_then(|stream| thread::Builder::new().spawn(move || echo(stream, &acceptor, &tls)));
        if let Err(error) = spawned {
            // Without a free file, for example, the next attempt would fail at once, too.
            eprintln!("accept: {error}");
            thread::sleep(Duration::from_millis(200));
        }
    }
    Ok(())
}

fn echo(stream: TcpStream, acceptor: &Acceptor, tls: &TlsServer) {
    let _ = stream.set_nodelay(true);
    let mut socket = match blocking::accept_tls(stream, acceptor, tls) {
        Ok(socket) => socket,
        Err(AcceptError::Ended(report)) => return println!("{report}\n{:#}", report.diagnosis()),
        Err(error) => return println!("{error}"),
    };
    if let Some(facts) = socket.tls() {
        show(facts);
    }
    let report = loop {
        match socket.next().into_message() {
            Ok(message) => drop(socket.feed(message)),
            Err(report) => break report,
        }
    };
    println!("{report}");
}
