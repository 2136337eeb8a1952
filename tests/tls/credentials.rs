//! Credentials of the URL and of the proxy are shown nowhere: in no request, setting, error, report,
//! record, diagnosis, event or log, in whatever form it is printed, wherever a connection ends.

use std::error::Error;
use std::fmt::{self, Debug};
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use farewell::dial::{PhaseTimeouts, Proxy};
use farewell::handshake::ClientRequest;
use farewell::{CloseCode, ConnectError, ConnectOptions, Termination};

use rustls::version::TLS13;

use crate::dialling::{head, listen, relay, server};
use crate::support::{Adapter, Authority, Then, VALID, for_both_adapters, https_proxy, quiet};

for_both_adapters!(credentials_are_shown_nowhere, credentials_that_are_malformed_are_shown_nowhere);

/// The user and the password of the URL and of the proxy, and both in Base64.
const SECRETS: [&str; 6] =
    ["alice", "sesame", "bob", "barley", "YWxpY2U6c2VzYW1l", "Ym9iOmJhcmxleQ"];

const URL: &str = "wss://alice:sesame@localhost/chat";

/// All that was printed.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn text(&mut self, text: fmt::Arguments<'_>) {
        self.0 += &format!("{text}\n");
    }

    fn debug(&mut self, thing: &impl Debug) {
        self.text(format_args!("{thing:?}\n{thing:#?}"));
    }

    fn error(&mut self, error: &(dyn Error + 'static)) {
        self.text(format_args!("{error}\n{error:#}"));
        self.debug(&error);
        let mut source = error.source();
        while let Some(error) = source {
            self.text(format_args!("{error}"));
            self.debug(&error);
            source = error.source();
        }
    }

    #[cfg(feature = "serde")]
    fn json(&mut self, thing: &impl serde::Serialize) {
        self.0 += &serde_json::to_string_pretty(thing).unwrap();
    }

    fn report(&mut self, report: &Termination) {
        self.text(format_args!("{report}\n{report:#}\n{:#}", report.diagnosis()));
        self.debug(report);
        self.debug(&report.diagnosis());
        #[cfg(feature = "serde")]
        self.json(report);
        #[cfg(feature = "serde")]
        self.json(&report.diagnosis());
    }

    fn failure(&mut self, error: &ConnectError) {
        self.error(error);
        self.debug(&error.outcome());
        if let Some(diagnosis) = error.diagnosis() {
            self.text(format_args!("{diagnosis}\n{diagnosis:#}"));
        }
        if let Some(record) = error.dial() {
            self.text(format_args!("{record}"));
            self.debug(record);
            #[cfg(feature = "serde")]
            self.json(record);
        }
        if let Some(report) = error.report() {
            self.report(report);
        }
    }

    fn check(&self, situation: &str) {
        for secret in SECRETS {
            assert!(!self.0.contains(secret), "{situation}: {secret} in {}", self.0);
        }
    }
}

/// A proxy that answers this to one connection, or connects it to that server.
fn proxy(answer: Result<SocketAddr, &'static [u8]>) -> (SocketAddr, JoinHandle<()>) {
    let (listener, address) = listen();
    let thread = thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        let head = head(&mut client);
        assert!(head.contains("\r\nProxy-Authorization: Basic Ym9iOmJhcmxleQ==\r\n"), "{head}");
        match answer {
            Ok(server) => {
                client.write_all(b"HTTP/1.1 200 Go on\r\n\r\n").unwrap();
                relay(client, server);
            }
            Err(answer) => client.write_all(answer).unwrap(),
        }
    });
    (address, thread)
}

/// Connects, and prints everything there is.
fn visit<A: Adapter>(printed: &mut Printed, request: &ClientRequest, options: ConnectOptions) {
    printed.debug(request);
    printed.debug(&options);
    match A::connect(request, options.clone()) {
        Ok(mut socket) => {
            printed.debug(&(socket.dial(), socket.tls(), socket.evidence()));
            socket.send("hello").unwrap();
            socket.message();
            printed.report(&socket.close(CloseCode::NORMAL));
        }
        Err(error) => printed.failure(&error),
    }
}

fn credentials_are_shown_nowhere<A: Adapter>() {
    #[cfg(feature = "tracing")]
    events::keep();
    let authority = Authority::new("Authority");
    let request = ClientRequest::with_credentials(URL).unwrap();
    let options = |at: &str| {
        ConnectOptions::from(quiet())
            .tls(authority.client())
            .proxy(Proxy::new(&format!("http://bob:barley@{at}")).unwrap())
    };
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (silent, quiet_address) = listen();
    let mut timeouts = PhaseTimeouts::default();
    timeouts.proxy = Some(Duration::from_millis(20));
    let nobody = |_: &str, _| Err(io::Error::other("nobody knows it"));
    let no_way = [
        ("no name", options("proxy.invalid").resolver(nobody)),
        ("no address", options("proxy.invalid").resolver(|_, _| Ok(Vec::new()))),
        ("refused", options(&refused.to_string())),
        ("silence", options(&quiet_address.to_string()).phase_timeouts(timeouts)),
        ("https", options("proxy.invalid").proxy(Proxy::new("https://bob:barley@p").unwrap())),
    ];
    for (situation, options) in no_way {
        let mut printed = Printed::default();
        visit::<A>(&mut printed, &request, options.clone());
        if situation != "silence" {
            printed.debug(&A::reconnect(request.clone(), options));
        }
        printed.check(situation);
    }
    drop(silent);
    let answers: [&[u8]; 5] = [
        b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nwho",
        b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
        b"what?\r\n\r\n",
        b"HTTP/1.1 200 Go on\r\n\r\nHTTP/1.1 400 No TLS\r\n\r\n",
        b"HTTP/1.1 200 Go on\r\n\r\n",
    ];
    for answer in answers {
        let (at, thread) = proxy(Err(answer));
        let mut printed = Printed::default();
        visit::<A>(&mut printed, &request, options(&at.to_string()));
        thread.join().unwrap();
        printed.check(&String::from_utf8_lossy(answer));
    }
    for name in ["localhost", "elsewhere.example"] {
        let (address, server) = server::<A>(&authority, name, VALID);
        let (at, thread) = proxy(Ok(address));
        let mut printed = Printed::default();
        visit::<A>(&mut printed, &request, options(&at.to_string()));
        thread.join().unwrap();
        server.join().unwrap();
        assert!(printed.0.contains(name), "{}", printed.0);
        printed.check(name);
    }
    // The same with a proxy that speaks TLS: it is not the right one, or it refuses.
    const WHO: &[u8] = b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n";
    for name in ["localhost", "elsewhere.example"] {
        let config = authority.raw_server_of(&TLS13, name, VALID);
        let (at, thread) = https_proxy(config, Then::Says(WHO));
        let url = format!("https://bob:barley@localhost:{}", at.port());
        let options = options("unused").proxy(Proxy::new(&url).unwrap());
        let mut printed = Printed::default();
        visit::<A>(&mut printed, &request, options);
        let head = thread.join().unwrap().head;
        assert_eq!(head.contains("Basic Ym9iOmJhcmxleQ=="), name == "localhost", "{head}");
        assert!(printed.0.contains("with the proxy"), "{}", printed.0);
        printed.check(name);
    }
    // What the server reads, it may say: here it does not, and refuses.
    let (listener, address) = listen();
    let refusal = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        assert!(head(&mut stream).contains("\r\nAuthorization: Basic YWxpY2U6c2VzYW1l\r\n"));
        let location = "Location: ws://alice:sesame@localhost/\r\nContent-Length: 0\r\n\r\n";
        let head = format!("HTTP/1.1 307 Go\r\n{location}");
        stream.write_all(head.as_bytes()).unwrap();
    });
    let url = format!("ws://alice:sesame@{address}/");
    let request = ClientRequest::with_credentials(&url).unwrap();
    let mut printed = Printed::default();
    visit::<A>(&mut printed, &request, ConnectOptions::from(quiet()).redirects(1));
    printed.check("a redirection with credentials in it");
    refusal.join().unwrap();
    #[cfg(feature = "tracing")]
    {
        let logged = Printed(events::kept());
        assert!(logged.0.contains("closing_handshake"), "endings are logged: {}", logged.0);
        logged.check("what is logged");
    }
}

/// Everything that is logged in this process, by whichever test.
#[cfg(feature = "tracing")]
mod events {
    use std::fmt::Debug;
    use std::sync::{Mutex, Once, PoisonError};

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    static KEPT: Mutex<String> = Mutex::new(String::new());

    struct Keeper;

    impl Keeper {
        fn keep(&self, seen: &impl Debug) {
            *KEPT.lock().unwrap_or_else(PoisonError::into_inner) += &format!("{seen:?}\n");
        }
    }

    impl Subscriber for Keeper {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.keep(span);
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, values: &Record<'_>) {
            self.keep(values);
        }
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.keep(event);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    pub(super) fn keep() {
        static BEGUN: Once = Once::new();
        BEGUN.call_once(|| tracing::subscriber::set_global_default(Keeper).expect("there is none"));
    }

    pub(super) fn kept() -> String {
        KEPT.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn credentials_that_are_malformed_are_shown_nowhere<A: Adapter>() {
    let mut printed = Printed::default();
    // The first has credentials where nobody has asked for them.
    printed.error(&ClientRequest::new(URL).unwrap_err());
    let urls = [
        "wss://alice:sesame@localhost:99999/",
        "wss://alice:sesame@local host/",
        "wss://alice:sesame%zz@localhost/",
        "wss://alice:sesame%0a@localhost/",
        "http://alice:sesame@localhost/",
        "wss://alice:sesame@/",
        "wss://alice:sesame@localhost/ #",
    ];
    for url in urls {
        if let Err(error) = ClientRequest::with_credentials(url) {
            printed.error(&error);
        }
        printed.error(&ClientRequest::new(url).unwrap_err());
    }
    let proxies = ["ftp", "http", "https", "socks5"].map(|scheme| {
        ["h:99999", "h h", "h/path", ""].map(|host| format!("{scheme}://bob:barley@{host}"))
    });
    for url in proxies.as_flattened() {
        printed.error(&Proxy::new(url).unwrap_err());
    }
    let long = format!("socks5://bob:{}@h", "barley".repeat(50));
    printed.error(&Proxy::new(&long).unwrap_err());
    let proxy = Proxy::new("http://bob:barley@h").unwrap();
    printed.error(&proxy.clone().credentials("bob:", "barley").unwrap_err());
    printed.error(&proxy.clone().bypass("a, bob:barley@b").unwrap_err());
    printed.debug(&proxy);
    printed.check("malformed");
}
