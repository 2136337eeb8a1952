//! Names and addresses.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use farewell::dial::{AttemptOutcome, DialFailure, DialPhase, PhaseTimeouts};
use farewell::handshake::ClientRequest;
use farewell::{CloseCode, ConnectOptions};

use super::super::support::{Adapter, for_both_adapters, millis, quiet};
use super::{failed, failure, server};

for_both_adapters! {
    a_silent_address_costs_its_head_start_and_no_more,
    only_silent_addresses_spend_the_deadline,
    every_refused_address_is_told_of,
    a_resolver_of_ones_own_is_asked,
    a_name_that_does_not_resolve_is_told_of,
    a_lookup_that_never_ends_is_let_go,
    the_record_has_each_phase_and_its_times,
    a_failed_opening_handshake_has_the_record_in_its_report,
}

fn options() -> ConnectOptions {
    ConnectOptions::from(quiet())
}

fn request(port: u16) -> ClientRequest {
    ClientRequest::new(&format!("ws://name.example:{port}/")).unwrap()
}

/// An address that says nothing: its listener has no room for another connection.
#[cfg(target_os = "linux")]
struct Silent {
    address: SocketAddr,
    _listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

#[cfg(target_os = "linux")]
impl Silent {
    fn new() -> Self {
        use socket2::{Domain, Socket, Type};
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let queue = |_| {
            let queued = socket();
            queued.set_nonblocking(true).unwrap();
            let _ = queued.connect(&address.into());
            queued
        };
        let queued: Vec<_> = (0..4).map(queue).collect();
        // It is full once one of them has not come through.
        let full = TcpStream::connect_timeout(&address, millis(200));
        assert_eq!(full.unwrap_err().kind(), io::ErrorKind::TimedOut);
        Self { address, _listener: listener, _queued: queued }
    }
}

#[cfg(target_os = "linux")]
fn a_silent_address_costs_its_head_start_and_no_more<A: Adapter>() {
    let silent = Silent::new();
    let (address, server) = server::<A>();
    let options = options().addresses([silent.address, address]);
    let mut socket = A::connect(&request(80), options).unwrap();
    let record = socket.dial().unwrap();
    assert_eq!(record.address(), Some(address));
    let [lost, won] = &record.attempts[..] else { panic!("{record}") };
    assert_eq!((lost.outcome, won.outcome), (AttemptOutcome::Lost, AttemptOutcome::Connected));
    assert!(won.span.began.since(lost.span.began) >= millis(250), "{record}");
    socket.close(CloseCode::NORMAL);
    server.join().unwrap();
}

#[cfg(not(target_os = "linux"))]
fn a_silent_address_costs_its_head_start_and_no_more<A: Adapter>() {}

#[cfg(target_os = "linux")]
fn only_silent_addresses_spend_the_deadline<A: Adapter>() {
    let silent = [Silent::new(), Silent::new()];
    let mut config = quiet();
    config.timeouts.handshake = millis(400);
    for count in [1, 2] {
        let addresses = silent[..count].iter().map(|silent| silent.address);
        let options = ConnectOptions::from(config.clone()).addresses(addresses);
        let error = failed(A::connect(&request(80), options));
        let timed_out = DialFailure::TimedOut { phase: DialPhase::Connect };
        assert_eq!(error.record.failure, Some(timed_out));
        assert_eq!(error.record.attempts.len(), count);
        let silent =
            |attempt: &farewell::dial::AddressAttempt| attempt.outcome == AttemptOutcome::Silent;
        assert!(error.record.attempts.iter().all(silent), "{error}");
    }
}

#[cfg(not(target_os = "linux"))]
fn only_silent_addresses_spend_the_deadline<A: Adapter>() {}

fn every_refused_address_is_told_of<A: Adapter>() {
    let unused = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let addresses = [unused(), unused(), unused()];
    let error = failed(A::connect(&request(80), options().addresses(addresses)));
    assert_eq!(error.record.failure, Some(DialFailure::Unconnected));
    let tried: Vec<_> = error.record.attempts.iter().map(|attempt| attempt.address).collect();
    assert_eq!(tried, addresses);
    for address in addresses {
        assert!(error.to_string().contains(&format!("{address} refused (os error ")), "{error}");
    }
}

fn a_resolver_of_ones_own_is_asked<A: Adapter>() {
    let (address, server) = server::<A>();
    let options = options().resolver(move |host, port| {
        assert_eq!((host, port), ("name.example", 8080));
        Ok(vec![address])
    });
    let mut socket = A::connect(&request(8080), options).unwrap();
    socket.send("here").unwrap();
    assert_eq!(socket.message().as_text(), Some("here"));
    assert!(socket.dial().unwrap().resolve.unwrap().took().is_some());
    socket.close(CloseCode::NORMAL);
    server.join().unwrap();
}

fn a_name_that_does_not_resolve_is_told_of<A: Adapter>() {
    let options = options().resolver(|_, _| Err(io::Error::other("there is no such name")));
    let error = A::connect(&request(80), options).err().unwrap();
    let says =
        "no connection to the server: the host's name did not resolve: there is no such name";
    assert_eq!(error.to_string(), says);
    let nothing = failure(A::connect(&request(80), self::options().resolver(|_, _| Ok(vec![]))));
    assert_eq!(nothing, DialFailure::NoAddress);
}

fn a_lookup_that_never_ends_is_let_go<A: Adapter>() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let mut timeouts = PhaseTimeouts::default();
    timeouts.resolve = Some(millis(50));
    let options = options().phase_timeouts(timeouts).resolver(move |_, _| {
        let _ = wait.lock().unwrap().recv();
        Ok(Vec::new())
    });
    let timed_out = DialFailure::TimedOut { phase: DialPhase::Resolve };
    let result = A::connect(&request(80), options);
    drop(release);
    assert_eq!(failure(result), timed_out);
}

fn the_record_has_each_phase_and_its_times<A: Adapter>() {
    let (address, server) = server::<A>();
    let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
    let mut socket = A::connect(&request, quiet()).unwrap();
    let record = socket.dial().unwrap().clone();
    assert_eq!((record.address(), record.resolve), (Some(address), None));
    assert_eq!((record.http_status, record.redirects), (Some(101), 0));
    assert_eq!((record.proxy.is_none(), record.failure.is_none()), (true, true));
    let (connect, upgrade) = (record.connect.unwrap(), record.upgrade.unwrap());
    assert!(record.began <= connect.began && connect.ended <= Some(upgrade.began));
    assert_eq!(upgrade.ended, Some(record.ended));
    let report = socket.close(CloseCode::NORMAL);
    assert_eq!(report.dial.as_deref(), Some(&record));
    server.join().unwrap();
}

fn a_failed_opening_handshake_has_the_record_in_its_report<A: Adapter>() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let mut raw = super::super::support::Raw(listener.accept().unwrap().0);
        raw.head();
        raw.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        let _ = raw.rest();
    });
    let request = ClientRequest::new(&format!("ws://{address}/")).unwrap();
    let error = A::connect(&request, quiet()).err().unwrap();
    let record = error.dial().unwrap();
    assert_eq!((record.address(), record.http_status), (Some(address), Some(403)));
    assert!(record.upgrade.unwrap().took().is_some_and(|took| took < Duration::from_secs(30)));
    drop(error);
    server.join().unwrap();
}
