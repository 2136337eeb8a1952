//! The program itself, run against servers and proxies on this machine.

mod peers;
mod program;
mod tls;

use std::time::Duration;

use farewell::{CloseCode, CloseFrame};
use serde_json::Value;

use peers::{
    Proxying, Socket, echo, free_port, hang_up, open, proxy, raw_server, read_head, served, server,
};
use program::{Doctor, Said, doctor};

fn closes(mut socket: Socket, code: u16, reason: &str) {
    let code = CloseCode::new(code).unwrap();
    socket.close(CloseFrame::new(code, reason).unwrap());
}

#[test]
fn every_ending_is_as_expected() {
    let page = program::page("endings");
    let said = doctor(&["--timeline", page.path()]).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    said.has(&["all as expected", "how sure that is", "→"]);
    let drawn = page.read();
    assert!(drawn.ends_with("</html>\n") && drawn.matches("<figure>").count() > 40);
}

/// What a server does, the exit status, and what is said of it.
#[test]
fn each_kind_of_ending_has_its_status() {
    let unauthorized = |mut stream| {
        read_head(&mut stream);
        let head = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nwho are you?";
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    };
    let nonsense = |stream| open(stream).send_raw(b"\xff\xff");
    let url = |address| format!("ws://{address}/chat");
    let cases: [(&str, String, u8, &[&str]); 6] = [
        (
            "it closes",
            url(server(|socket| closes(socket, 1000, "done"))),
            0,
            &["clean (1000): the peer closed"],
        ),
        (
            "it fails",
            url(server(|socket| closes(socket, 1011, "oh"))),
            0,
            &["clean (1011)", "not that all is well: with 1011"],
        ),
        ("it hangs up", url(server(drop)), 1, &["unclean (1006)", "the peer vanished"]),
        (
            "it refuses",
            url(raw_server(unauthorized)),
            4,
            &["not connected to", "status 401", "| who are you?"],
        ),
        (
            "it breaks a rule",
            url(raw_server(nonsense)),
            5,
            &["unclean (1006)", "RFC 6455 section 5.2"],
        ),
        (
            "nobody is there",
            url(free_port()),
            3,
            &["not connected to", "certain nobody listens at the address", "→ The host is there"],
        ),
    ];
    for (what, url, status, sentences) in cases {
        let said = doctor(&[&url]).finish();
        assert_eq!(said.status, status, "{what}: {}", said.text);
        said.has(sentences);
    }
}

#[test]
fn what_a_report_points_out_is_drawn() {
    let address = served(2, |socket| {
        std::thread::sleep(Duration::from_millis(300));
        closes(socket, 1011, "out of order");
    });
    let page = program::page("flawed");
    let url = format!("ws://{address}/");
    let said = doctor(&["--repeat", "2", "--timeline", page.path(), &url]).finish();
    assert_eq!(said.status, 0, "{}", said.text);
    for drawn in [
        "class=\"silence\"",
        "silence: ",
        "class=\"flag flawed\"",
        "clean (1011), and not well: closing handshake",
        "class=\"says flawed\"",
        "yes, and not well",
        "not that all is well: with 1011",
    ] {
        assert!(page.read().contains(drawn), "{drawn}");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_explained() {
    // Too long for a name, so that nobody is asked.
    let url = format!("ws://{}.example/", "a".repeat(64));
    let said = doctor(&[&url]).finish();
    assert_eq!(said.status, 3, "{}", said.text);
    said.has(&[
        "not connected to",
        "the name was not found",
        "the resolver said",
        "→ Check the spelling",
    ]);
}

#[test]
fn other_urls_are_answered_with_the_one_that_was_meant() {
    for (given, meant) in [
        ("http://127.0.0.1:9001/chat", "did you mean ws://127.0.0.1:9001/chat?"),
        ("localhost:9001", "did you mean ws://localhost:9001?"),
    ] {
        let said = doctor(&[given]).finish();
        assert_eq!(said.status, 2, "{}", said.text);
        said.has(&[meant, "try --help"]);
    }
}

#[test]
fn documents_are_for_programs() {
    let address = server(|socket| closes(socket, 1012, "deployed"));
    let url = format!("ws://{address}/");
    let said = doctor(&["--json", "--repeat", "2", &url]).finish();
    let documents = said.documents();
    assert_eq!((said.status, documents.len()), (0, 2), "{}", said.text);
    for (index, document) in documents.iter().enumerate() {
        assert_eq!(document["visit"], index + 1);
        assert_eq!(document["url"], url);
        assert_eq!(document["status"], 0);
        assert_eq!(document["termination"]["code"], 1012);
        assert_eq!(document["termination"]["clean"], true);
        assert_eq!(document["diagnosis"]["findings"][0]["verdict"]["name"], "restart");
        assert_eq!(document["dial"]["http_status"], 101);
    }
    let url = format!("ws://{}/", free_port());
    let said = doctor(&["--json", &url]).finish();
    let [document] = &said.documents()[..] else { panic!("{}", said.text) };
    assert_eq!((said.status, &document["status"]), (3, &Value::from(3)));
    assert_eq!(document["termination"], Value::Null);
    assert_eq!(document["diagnosis"]["findings"][0]["verdict"]["name"], "addresses_refused");
    assert_eq!(document["dial"]["attempts"].as_array().unwrap().len(), 1);
}

/// The server hangs up each time after the same silence.
#[test]
fn what_repeats_is_noticed() {
    let address = served(3, |socket| hang_up(socket, Duration::from_millis(2010)));
    let url = format!("ws://{address}/");
    let said = doctor(&["--json", "--repeat", "3", "--heartbeat", "0", &url]).finish();
    let documents = said.documents();
    assert_eq!((said.status, documents.len()), (1, 3), "{}", said.text);
    let texts = documents.iter().map(|document| {
        let evidence = &document["termination"]["evidence"];
        let [opened, ended] = ["opened", "ended"].map(|name| evidence[name].as_f64().unwrap());
        // A silence that a busy machine has made longer is not the one that was meant.
        let as_meant = (2.0..2.08).contains(&(ended - opened));
        (as_meant, document["diagnosis"]["findings"][0]["text"].as_str().unwrap())
    });
    let (as_meant, texts): (Vec<_>, Vec<_>) = texts.unzip();
    assert!(!texts[0].contains(" connections "), "{texts:?}");
    if as_meant == [true; 3] {
        assert!(texts[1].contains("2 connections"), "{texts:?}");
        assert!(texts[2].contains("3 connections"), "{texts:?}");
    }
}

#[test]
fn an_unexplained_silence_points_to_the_probe() {
    let address = server(|socket| hang_up(socket, Duration::from_millis(2300)));
    let url = format!("ws://{address}/");
    let said = doctor(&["--heartbeat", "0", &url]).finish();
    assert_eq!(said.status, 1, "{}", said.text);
    said.has(&["Nothing had passed for 2.3 s", &format!("farewell-doctor --probe-idle {url}")]);
}

#[test]
fn a_proxy_leads_to_the_server() {
    for (proxying, scheme) in [(Proxying::Http, "http"), (Proxying::Socks5, "socks5")] {
        let address = served(2, |socket| closes(socket, 1000, "done"));
        let proxy = proxy(proxying, 4);
        let url = format!("ws://{address}/");
        let said =
            doctor(&["--proxy", &format!("{scheme}://user:pass%20word@{proxy}"), &url]).finish();
        assert_eq!(said.status, 0, "{}", said.text);
        said.has(&["connected to", &format!("{proxy} connected"), "answered"]);
        assert!(!said.text.contains("word"), "{}", said.text);
        let said = doctor(&["--proxy", &format!("{scheme}://{proxy}"), &url]).finish();
        assert_eq!(said.status, 3, "{}", said.text);
        said.has(&["the proxy wants credentials", "→ Give the proxy's user and password"]);
        // The probe goes the same way.
        let options = ["--probe-idle", "--for", "0.2", "--proxy"];
        let wrong = format!("{scheme}://user:wrong@{}", free_port());
        let said = doctor(&[&options[..], &[&wrong, &url]].concat()).finish();
        assert_eq!(said.status, 3, "{}", said.text);
        said.has(&["no connection opened", "refused"]);
    }
}

#[test]
fn header_fields_and_credentials_reach_the_server_and_nobody_else() {
    let address = raw_server(|mut stream| {
        let head = read_head(&mut stream);
        let good = ["Authorization: Basic dXNlcjpzZXNhbWU=\r\n", "X-Tenant: sesame\r\n"];
        let status = if good.iter().all(|field| head.contains(field)) { 418 } else { 400 };
        let head = format!("HTTP/1.1 {status} Seen\r\nContent-Length: 0\r\n\r\n");
        std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    });
    let url = format!("ws://user:sesame@{address}/");
    let page = program::page("secrets");
    for more in [&["--timeline", page.path()][..], &["--json"]] {
        let options = [&["--header", "X-Tenant: sesame"], more, &[&url]].concat();
        let said = doctor(&options).finish();
        assert_eq!(said.status, 4, "{}", said.text);
        said.has(&["418"]);
        for text in [&said.text, &page.read()] {
            assert!(!text.contains("sesame") && !text.contains("dXNlcjpzZXNhbWU"), "{text}");
        }
    }
}

#[cfg(unix)]
mod signals {
    use super::*;

    fn interrupted(visit: Doctor, signal: &str) -> Said {
        visit.signal(signal);
        visit.finish()
    }

    #[test]
    fn every_signal_to_end_closes_and_reports() {
        for signal in ["INT", "TERM", "HUP"] {
            let url = format!("ws://{}/", server(echo));
            let mut visit = doctor(&[&url]);
            visit.wait_for("open for");
            let said = interrupted(visit, signal);
            assert_eq!(said.status, 0, "{signal}: {}", said.text);
            said.has(&["clean (1000): we closed", "\"interrupted by the user\" was sent"]);
        }
    }

    /// Stopped for longer than its heartbeat, as by the lid of a laptop.
    #[test]
    fn a_sleep_of_this_process_is_drawn() {
        let url = format!("ws://{}/", server(echo));
        let page = program::page("asleep");
        let mut visit = doctor(&["--heartbeat", "0.4", "--timeline", page.path(), &url]);
        visit.wait_for("open for");
        visit.signal("STOP");
        std::thread::sleep(Duration::from_secs(2));
        visit.signal("CONT");
        let said = interrupted(visit, "TERM");
        said.has(&["a timer was late"]);
        assert!(page.read().contains("this process was away: "), "{}", said.text);
    }

    /// A server that takes the connection and says nothing.
    #[test]
    fn nobody_waits_for_a_server_that_says_nothing() {
        let (came, waits) = std::sync::mpsc::channel();
        let address = raw_server(move |mut stream| {
            read_head(&mut stream);
            came.send(()).unwrap();
            let _ = std::io::Read::read(&mut stream, &mut [0]);
        });
        let visit = doctor(&[&format!("ws://{address}/")]);
        waits.recv_timeout(program::PATIENCE).unwrap();
        let said = interrupted(visit, "TERM");
        assert_eq!(said.status, 3, "{}", said.text);
        said.has(&["interrupted before there was a connection"]);
    }

    #[test]
    fn an_interruption_is_the_last_of_several_visits() {
        let url = format!("ws://{}/", server(echo));
        let page = program::page("interrupted");
        let mut visit = doctor(&["--repeat", "9", "--timeline", page.path(), &url]);
        visit.wait_for("open for");
        let said = interrupted(visit, "TERM");
        assert_eq!(said.status, 0, "{}", said.text);
        assert!(!said.text.contains("visit 2 of 9"), "{}", said.text);
        assert_eq!(page.read().matches("<figure>").count(), 1);
    }
}
