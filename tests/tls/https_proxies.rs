//! Proxies of `https://`: TLS with them below everything else, TLS with the server among it.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::diagnosis::Verdict;
use farewell::dial::{
    DialFailure, DialPhase, DialRecord, PhaseTimeouts, Proxy, ProxyAnswer, ProxyFailure, ProxyKind,
};
use farewell::handshake::ClientRequest;
use farewell::tls::{Roots, TlsClient, TlsClientBuilder};
use farewell::{
    Cause, CloseCode, ConnectError, ConnectOptions, Direction, Message, ReconnectEvent, StreamEnd,
    Termination, TlsAlert, TlsError, TlsVersion, TransportError,
};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, ServerConfig};

use crate::dialling::{listen, server};
use crate::support::{
    Adapter, Authority, Seen, Then, VALID, Years, anyone, echo, for_both_adapters, https_proxy,
    quiet,
};

for_both_adapters!(
    both_layers_carry_a_connection_and_end_in_order,
    without_tls_behind_it_the_proxys_is_the_only_one,
    large_messages_go_through_both_layers,
    what_is_wrong_with_the_proxys_certificate_is_told_of_the_proxy,
    what_is_wrong_with_the_servers_certificate_is_told_of_the_server,
    a_proxy_has_its_own_settings_where_that_is_said,
    a_certificate_of_the_clients_is_not_for_the_proxy,
    what_the_proxy_says_in_tls_is_told,
    a_silent_proxy_is_told_by_its_phase,
    an_end_that_nobody_has_announced_is_told_apart,
    a_record_of_the_proxys_that_cannot_be_read_is_its_fault,
    reconnecting_goes_through_it_too,
);

/// An authority for both the proxy and the server.
struct Place {
    authority: Authority,
    server: SocketAddr,
    ends: JoinHandle<()>,
}

fn place<A: Adapter>() -> Place {
    let authority = Authority::new("Authority");
    let (server, ends) = server::<A>(&authority, "server.example", VALID);
    Place { authority, server, ends }
}

fn request(scheme: &str) -> ClientRequest {
    ClientRequest::new(&format!("{scheme}://server.example/chat")).unwrap()
}

fn through(authority: &Authority, at: SocketAddr) -> ConnectOptions {
    options(authority, &format!("https://alice:sesame@localhost:{}", at.port()))
}

/// Looks no name up but the proxy's.
fn options(authority: &Authority, proxy: &str) -> ConnectOptions {
    let resolve = |host: &str, port| {
        assert_eq!(host, "localhost");
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    };
    ConnectOptions::from(quiet())
        .tls(authority.client())
        .proxy(Proxy::new(proxy).unwrap())
        .resolver(resolve)
}

/// For `localhost`.
fn proxy_config(authority: &Authority) -> Arc<ServerConfig> {
    authority.raw_server_config(&TLS13, false)
}

fn failure(error: &ConnectError) -> &DialRecord {
    let ConnectError::Dial(error) = error else { panic!("{error}") };
    &error.record
}

/// Each phase begins when the one before it has ended.
fn assert_seamless(record: &DialRecord, phases: &[DialPhase]) {
    let spans: Vec<_> = phases.iter().map(|phase| record.phase(*phase).unwrap()).collect();
    for two in spans.windows(2) {
        assert_eq!(two[0].ended, Some(two[1].began), "{record}");
    }
    assert_eq!(spans.last().unwrap().ended, Some(record.ended), "{record}");
}

fn both_layers_carry_a_connection_and_end_in_order<A: Adapter>() {
    for version in [&TLS12, &TLS13] {
        let Place { authority, server, ends } = place::<A>();
        let config = authority.raw_server_config(version, false);
        let (at, proxy) = https_proxy(config, Then::Leads(server));
        let shown = Arc::new(Mutex::new(Vec::new()));
        let shows = shown.clone();
        let tls = authority.client().inspect(move |direction, plaintext| {
            if direction == Direction::Write {
                shows.lock().unwrap().extend_from_slice(plaintext);
            }
        });
        let options = through(&authority, at).tls(tls);
        let mut socket = A::connect(&request("wss"), options).unwrap();
        socket.send("hello").unwrap();
        assert_eq!(socket.message(), Message::from("hello"));

        let record = socket.dial().unwrap().clone();
        let below = &record.proxy_tls.as_ref().unwrap().facts;
        assert_eq!(below.server_name.as_deref(), Some("localhost"));
        assert_eq!(below.certificate.as_ref().unwrap().names, ["localhost".into()]);
        let asked = record.proxy.as_ref().unwrap();
        assert_eq!(asked.kind, ProxyKind::Https);
        assert_eq!(asked.answer, Some(ProxyAnswer::Http { status: 200 }));
        assert_eq!(record.tls.as_ref().unwrap().version, Some(TlsVersion::V1_3));
        let phases = [DialPhase::ProxyTls, DialPhase::Proxy, DialPhase::Tls, DialPhase::Upgrade];
        assert_seamless(&record, &phases);
        let says = record.to_string();
        assert!(says.contains(" with the proxy in ") && says.contains("; TLS 1.3 in "), "{says}");
        let above = socket.tls().unwrap();
        assert_eq!(above.server_name.as_deref(), Some("server.example"));

        let report = socket.close(CloseCode::NORMAL);
        assert!(report.clean, "{report}");
        assert_eq!(report.tls.unwrap().certificate.unwrap().names, ["server.example".into()]);
        drop(socket);
        let seen = proxy.join().unwrap();
        assert!(seen.head.starts_with("CONNECT server.example:443 HTTP/1.1\r\n"), "{}", seen.head);
        let basic = "\r\nProxy-Authorization: Basic YWxpY2U6c2VzYW1l\r\n";
        assert!(seen.head.contains(basic), "{}", seen.head);
        // TLS with the server is all that the proxy sees, and it is told of the end.
        assert_eq!(seen.first[..2], [0x16, 3]);
        assert!(seen.closed, "{seen:?}");
        // Who looks into the connection sees nothing of what is said to the proxy.
        assert!(shown.lock().unwrap().starts_with(b"GET /chat HTTP/1.1\r\n"));
        ends.join().unwrap();
    }
}

fn without_tls_behind_it_the_proxys_is_the_only_one<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (listener, server) = listen();
    let ends = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        A::echo_without_tls(stream, &anyone(quiet()))
    });
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Leads(server));
    let mut socket = A::connect(&request("ws"), through(&authority, at)).unwrap();
    socket.send("hello").unwrap();
    assert_eq!(socket.message(), Message::from("hello"));
    assert!(socket.tls().is_none());
    let record = socket.dial().unwrap();
    assert!(record.tls.is_none() && record.proxy_tls.is_some());
    assert_seamless(record, &[DialPhase::ProxyTls, DialPhase::Proxy, DialPhase::Upgrade]);
    let report = socket.close(CloseCode::NORMAL);
    assert!(report.clean && report.tls.is_none(), "{report}");
    drop(socket);
    let seen = proxy.join().unwrap();
    assert!(seen.head.starts_with("CONNECT server.example:80 HTTP/1.1\r\n"), "{}", seen.head);
    assert!(seen.first.starts_with(b"GET /chat") && seen.closed, "{seen:?}");
    assert!(ends.join().unwrap().clean);
}

fn large_messages_go_through_both_layers<A: Adapter>() {
    let Place { authority, server, ends } = place::<A>();
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Leads(server));
    let mut socket = A::connect(&request("wss"), through(&authority, at)).unwrap();
    for len in [0, 1, 125, 16_384, 16_385, 70_000, 1_000_000] {
        let payload: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        socket.send(payload.clone()).unwrap();
        assert!(socket.message() == Message::from(payload), "{len}");
    }
    for _ in 0..100 {
        socket.feed(vec![7; 700]).unwrap();
    }
    for _ in 0..100 {
        assert_eq!(socket.message().len(), 700);
    }
    assert!(socket.close(CloseCode::NORMAL).clean);
    drop(socket);
    assert!(proxy.join().unwrap().closed);
    ends.join().unwrap();
}

/// What becomes of a proxy with this certificate, and what that sees.
fn visit<A: Adapter>(authority: &Authority, config: Arc<ServerConfig>) -> (ConnectError, Seen) {
    let (at, proxy) = https_proxy(config, Then::Waits);
    let error = A::connect(&request("wss"), through(authority, at)).err().unwrap();
    (error, proxy.join().unwrap())
}

fn what_is_wrong_with_the_proxys_certificate_is_told_of_the_proxy<A: Adapter>() {
    let (authority, stranger) = (Authority::new("Authority"), Authority::new("Stranger"));
    let cases: [(&Authority, &str, Years, TlsError, AlertDescription, &str, &str); 3] = [
        (
            &authority,
            "localhost",
            (2020, 2021),
            TlsError::Expired,
            AlertDescription::CertificateExpired,
            "proxy_certificate_expired",
            "the proxy's certificate has expired",
        ),
        (
            &authority,
            "elsewhere.example",
            VALID,
            TlsError::WrongName,
            AlertDescription::BadCertificate,
            "proxy_certificate_wrong_name",
            "elsewhere.example",
        ),
        (
            &stranger,
            "localhost",
            VALID,
            TlsError::UnknownIssuer,
            AlertDescription::UnknownCA,
            "proxy_certificate_issuer_unknown",
            "CN=Stranger",
        ),
    ];
    for (issuer, name, years, expected, alert, verdict, says) in cases {
        let (error, seen) = visit::<A>(&authority, issuer.raw_server_of(&TLS13, name, years));
        let record = failure(&error);
        let failure = ProxyFailure::Tls(expected);
        assert_eq!(record.failure, Some(DialFailure::Proxy(failure)), "{record}");
        assert!(record.proxy.is_none() && record.tls.is_none());
        assert_seamless(record, &[DialPhase::Connect, DialPhase::ProxyTls]);
        let diagnosis = error.diagnosis().unwrap();
        assert_eq!(diagnosis.verdict(), Verdict::ProxyTls { error: expected });
        let text = format!("{error}\n{record}\n{diagnosis:#}");
        assert_eq!(diagnosis.verdict().name(), verdict);
        assert!(text.contains(says) && text.contains("no TLS with the proxy after"), "{text}");
        // It is told why, and nothing else: not what it was to be asked.
        assert_eq!(seen.failure, Some(rustls::Error::AlertReceived(alert)));
        assert!(seen.head.is_empty());
    }
    // One that speaks no TLS at all.
    let (listener, at) = listen();
    let plain = thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = listener.accept().unwrap().0;
        let _ = stream.read(&mut [0; 1000]).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let error = A::connect(&request("wss"), through(&authority, at)).err().unwrap();
    let not_tls = ProxyFailure::Tls(TlsError::NotTls);
    assert_eq!(failure(&error).failure, Some(DialFailure::Proxy(not_tls)));
    let diagnosis = format!("{:#}", error.diagnosis().unwrap());
    assert!(diagnosis.contains("HTTP/1.1 400") && diagnosis.contains("use http://"), "{diagnosis}");
    plain.join().unwrap();
}

fn what_is_wrong_with_the_servers_certificate_is_told_of_the_server<A: Adapter>() {
    let authority = Authority::new("Authority");
    let (server, ends) = server::<A>(&authority, "elsewhere.example", VALID);
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Leads(server));
    let error = A::connect(&request("wss"), through(&authority, at)).err().unwrap();
    let ConnectError::Ended(report) = &error else { panic!("{error}") };
    let kind = TransportError::Tls(TlsError::WrongName);
    assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind });
    assert_eq!(report.diagnosis().verdict(), Verdict::Tls { error: TlsError::WrongName });
    let tls = report.tls.as_ref().unwrap();
    assert_eq!(tls.server_name.as_deref(), Some("server.example"));
    let record = report.dial.as_ref().unwrap();
    assert!(record.proxy_tls.as_ref().unwrap().facts.failure.is_none());
    let phases = [DialPhase::ProxyTls, DialPhase::Proxy, DialPhase::Tls];
    assert_seamless(record, &phases);
    // The server has its alert, and the proxy an end in order.
    assert!(proxy.join().unwrap().closed);
    ends.join().unwrap();
}

fn a_proxy_has_its_own_settings_where_that_is_said<A: Adapter>() {
    let Place { authority, server, ends } = place::<A>();
    let companys = Authority::new("Company");
    let (at, proxy) = https_proxy(proxy_config(&companys), Then::Leads(server));
    let url = format!("https://localhost:{}", at.port());
    let options = options(&authority, &url);
    let own = Proxy::new(&url).unwrap().tls(companys.client());
    assert_eq!(own, own.clone());
    assert_ne!(own, Proxy::new(&url).unwrap().tls(companys.client()));
    let mut socket = A::connect(&request("wss"), options.proxy(own)).unwrap();
    assert!(socket.close(CloseCode::NORMAL).clean);
    proxy.join().unwrap();
    ends.join().unwrap();
}

fn a_certificate_of_the_clients_is_not_for_the_proxy<A: Adapter>() {
    let Place { authority, server, ends } = place::<A>();
    let (chain, key) = authority.issue(&["client"], VALID);
    let tls = TlsClient::builder()
        .roots(Roots::Nobody)
        .ca_pem(authority.pem())
        .and_then(|builder| builder.identity_pem(chain, key))
        .and_then(|builder| builder.server_name("server.example").build())
        .unwrap();
    let config = authority.raw_server_config(&TLS13, true);
    let (at, proxy) = https_proxy(config.clone(), Then::Leads(server));
    let options = through(&authority, at).tls(tls.clone());
    let error = A::connect(&request("wss"), options).err().unwrap();
    let alert = TlsError::Alert(TlsAlert(116));
    let expected = DialFailure::Proxy(ProxyFailure::Tls(alert));
    assert_eq!(failure(&error).failure, Some(expected), "{error}");
    let remedy = error.diagnosis().unwrap().to_string();
    assert!(remedy.contains("certificate_required"), "{remedy}");
    // It came when TLS was there and the proxy was asked.
    let record = failure(&error).proxy_tls.as_ref().unwrap();
    assert!(record.facts.failure.is_some() && record.span.ended.is_some(), "{record:?}");
    assert!(!proxy.join().unwrap().certificate);

    // Unless it is said so.
    let (chain, key) = authority.issue(&["client"], VALID);
    let builder = TlsClient::builder().roots(Roots::Nobody).ca_pem(authority.pem()).unwrap();
    let own = builder.identity_pem(chain, key).and_then(TlsClientBuilder::build).unwrap();
    let (at, proxy) = https_proxy(config, Then::Leads(server));
    let url = format!("https://localhost:{}", at.port());
    let options = self::options(&authority, &url).proxy(Proxy::new(&url).unwrap().tls(own));
    let mut socket = A::connect(&request("wss"), options).unwrap();
    assert!(socket.close(CloseCode::NORMAL).clean);
    drop(socket);
    assert!(proxy.join().unwrap().certificate);
    ends.join().unwrap();
}

fn what_the_proxy_says_in_tls_is_told<A: Adapter>() {
    const WHO: &[u8] = b"HTTP/1.1 407 Who?\r\nContent-Length: 8\r\n\r\nsay who!";
    let authority = Authority::new("Authority");
    let cases: [(&'static [u8], ProxyFailure); 5] = [
        (WHO, ProxyFailure::CredentialsRefused),
        // The end of it does not come.
        (WHO.split_at(WHO.len() - 4).0, ProxyFailure::CredentialsRefused),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", ProxyFailure::Refused { status: 503 }),
        (b"HTTP/1.1 2", ProxyFailure::CutShort),
        (b"", ProxyFailure::CutShort),
    ];
    for (answer, expected) in cases {
        let (at, proxy) = https_proxy(proxy_config(&authority), Then::Says(answer));
        let error = A::connect(&request("ws"), through(&authority, at)).err().unwrap();
        let record = failure(&error);
        assert_eq!(record.failure, Some(DialFailure::Proxy(expected)), "{record}");
        assert!(record.proxy_tls.as_ref().unwrap().facts.version.is_some(), "{record}");
        assert_seamless(record, &[DialPhase::ProxyTls, DialPhase::Proxy]);
        proxy.join().unwrap();
    }
    // One that lets the connection through and says in the same breath that it is over.
    let through_and_out = b"HTTP/1.1 200 Go on\r\n\r\n";
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Says(through_and_out));
    let error = A::connect(&request("wss"), through(&authority, at)).err().unwrap();
    assert!(error.diagnosis().is_some(), "{error}");
    proxy.join().unwrap();
    // One that hangs up in the TLS handshake.
    let (listener, at) = listen();
    let hangs_up = thread::spawn(move || {
        use std::io::Read;
        let _ = listener.accept().unwrap().0.read(&mut [0; 1000]);
    });
    let error = A::connect(&request("wss"), through(&authority, at)).err().unwrap();
    let cut = DialFailure::Proxy(ProxyFailure::CutShort);
    assert_eq!(failure(&error).failure, Some(cut), "{error}");
    assert!(failure(&error).to_string().contains("no TLS with the proxy after"), "{error}");
    hangs_up.join().unwrap();
}

fn a_silent_proxy_is_told_by_its_phase<A: Adapter>() {
    let authority = Authority::new("Authority");
    let mut timeouts = PhaseTimeouts::default();
    timeouts.proxy = Some(Duration::from_millis(100));
    let nobody_speaks = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = nobody_speaks.local_addr().unwrap();
    let options = through(&authority, at).phase_timeouts(timeouts.clone());
    let error = A::connect(&request("wss"), options).err().unwrap();
    let expected = DialFailure::TimedOut { phase: DialPhase::ProxyTls };
    assert_eq!(failure(&error).failure, Some(expected), "{error}");
    assert!(error.to_string().contains("in the TLS handshake with the proxy"), "{error}");

    // The deadline of the whole covers it, too, and what is said in TLS.
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Waits);
    let mut config = quiet();
    config.timeouts.handshake = Duration::from_secs(2);
    let options = through(&authority, at).config(config);
    let error = A::connect(&request("wss"), options).err().unwrap();
    let expected = DialFailure::TimedOut { phase: DialPhase::Proxy };
    assert_eq!(failure(&error).failure, Some(expected), "{error}");
    proxy.join().unwrap();
}

/// The report of a connection through this proxy, from when it is open.
fn ending<A: Adapter>(scheme: &str, then: impl FnOnce(SocketAddr) -> Then) -> Box<Termination> {
    let authority = Authority::new("Authority");
    let ((listener, server), tls) = (listen(), authority.server(&["server.example"], VALID));
    let secure = scheme == "wss";
    let ends = thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        match secure {
            true => drop(A::accept(stream, &anyone(quiet()), &tls).map(echo)),
            false => drop(A::echo_without_tls(stream, &anyone(quiet()))),
        }
    });
    let (at, proxy) = https_proxy(proxy_config(&authority), then(server));
    let mut socket = A::connect(&request(scheme), through(&authority, at)).unwrap();
    // More than the proxy lets back.
    socket.send(vec![7; 30_000]).unwrap();
    let report = socket.ended();
    drop(socket);
    proxy.join().unwrap();
    ends.join().unwrap();
    report
}

fn an_end_that_nobody_has_announced_is_told_apart<A: Adapter>() {
    // The opening handshakes are through by then, and the message is not.
    const LIMIT: usize = 8_000;
    type Case = (&'static str, fn(SocketAddr) -> Then, StreamEnd);
    let cases: [Case; 4] = [
        ("wss", |at| Then::Drops(at, LIMIT), StreamEnd::TlsTruncated),
        // The proxy says that it is over, and the server never did.
        ("wss", |at| Then::Ends(at, LIMIT), StreamEnd::TlsTruncated),
        ("ws", |at| Then::Drops(at, LIMIT), StreamEnd::TlsTruncated),
        ("ws", |at| Then::Ends(at, LIMIT), StreamEnd::Eof),
    ];
    for (scheme, then, expected) in cases {
        let report = ending::<A>(scheme, then);
        assert_eq!((report.clean, report.stream_end), (false, expected), "{scheme}: {report:?}");
    }
}

fn a_record_of_the_proxys_that_cannot_be_read_is_its_fault<A: Adapter>() {
    for scheme in ["ws", "wss"] {
        let report = ending::<A>(scheme, |at| Then::Garbles(at, 8_000));
        let error = TlsError::Undecryptable;
        let kind = TransportError::ProxyTls(error);
        assert_eq!(report.cause, Cause::Transport { direction: Direction::Read, kind });
        let diagnosis = report.diagnosis();
        assert_eq!(diagnosis.verdict(), Verdict::ProxyTls { error }, "{diagnosis:#}");
        assert!(report.to_string().contains("TLS with the proxy"), "{report}");
        // What the library says of it is kept, whenever it was.
        let record = report.dial.as_ref().unwrap().proxy_tls.as_ref().unwrap();
        assert!(record.facts.failure.is_some() && record.facts.version.is_some(), "{record:?}");
    }
}

fn reconnecting_goes_through_it_too<A: Adapter>() {
    let Place { authority, server, ends } = place::<A>();
    let (at, proxy) = https_proxy(proxy_config(&authority), Then::Leads(server));
    let event = A::reconnect(request("wss"), through(&authority, at));
    assert!(matches!(event, ReconnectEvent::Opened), "{event:?}");
    proxy.join().unwrap();
    ends.join().unwrap();
    // A proxy whose certificate has expired is not asked again, one that is not there is.
    let expired = authority.raw_server_of(&TLS13, "localhost", (2020, 2021));
    let (at, proxy) = https_proxy(expired, Then::Waits);
    let event = A::reconnect(request("wss"), through(&authority, at));
    let ReconnectEvent::Failed { decision, .. } = event else { panic!("{event:?}") };
    assert!(decision.is_stop());
    proxy.join().unwrap();
    let event = A::reconnect(request("wss"), through(&authority, at));
    let ReconnectEvent::Failed { decision, .. } = event else { panic!("{event:?}") };
    assert!(!decision.is_stop());
}
