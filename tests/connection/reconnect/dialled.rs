//! Dials that came to nothing, and what is done about that.

use farewell::dial::{Dial, DialOptions, DialRecord, Proxy, Step};
use farewell::handshake::ClientRequest;
use farewell::reconnect::{Reconnect, ReconnectConfig};
use farewell::{Config, Timestamp};

/// A dial through a proxy that answers so.
fn answered(status: &str, fields: &str) -> DialRecord {
    let now = Timestamp::ZERO;
    let request = ClientRequest::new("ws://server.example/").unwrap();
    let mut options = DialOptions::default();
    options.proxy = Some(Proxy::new("http://192.0.2.1:3128").unwrap());
    let mut dial = Dial::new(&request, &options, &Config::default(), now);
    let answer = format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n");
    loop {
        match dial.next() {
            Step::Connect { attempt, .. } => dial.handle_connected(attempt, now),
            Step::Write => dial.handle_written(dial.output().len(), now),
            Step::Read => dial.handle_read(answer.as_bytes(), now),
            Step::Failed => return *dial.into_result().unwrap_err().record,
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn a_proxy_s_retry_after_is_honoured_as_a_server_s_is() {
    let why = "the proxy let nothing through: it refused with status";
    let cases = [
        ("503 Busy", "", format!("retry in 2.5 s: {why} 503")),
        (
            "503 Busy",
            "Retry-After: 30\r\n",
            format!("retry in 32.5 s: {why} 503; the proxy asked for 30.0 s"),
        ),
        (
            "429 Slowly",
            "Retry-After: 60\r\n",
            format!("retry in 62.5 s: {why} 429; the proxy asked for 60.0 s"),
        ),
        (
            "429 Slowly",
            "Retry-After: 86400\r\n",
            format!("retry in 10 min: {why} 429; the proxy asked for 1440 min"),
        ),
        ("403 No", "Retry-After: 30\r\n", format!("stop: {why} 403")),
    ];
    for (status, fields, expected) in cases {
        let record = answered(status, fields);
        let mut reconnect = Reconnect::new(ReconnectConfig::default());
        reconnect.start(Timestamp::ZERO);
        let decision = reconnect.handle_outcome(&record, 1 << 63, Timestamp::ZERO);
        assert_eq!(decision.to_string(), expected, "{fields:?}");
    }
}
