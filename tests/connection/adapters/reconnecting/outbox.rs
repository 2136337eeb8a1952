//! Messages across connections: kept while there is none, in order, within bounds, and, where that is
//! asked for, until the peer has read them. The servers go away in the middle of it.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use farewell::handshake::ClientRequest;
use farewell::reconnect::{Kept, OutboxLimit, ReasonKind, ReconnectConfig};
use farewell::{CloseCode, Config, Message, ReconnectEvent, SendError, Unsent};
use tokio::net::TcpStream;

use super::support::{Client, InRuntime, fast, script, settings};
use super::{close, ended, slow};
use crate::adapters::support::{Raw, listen, millis, plain, runtime};

super::for_both_kinds!(
    what_is_sent_before_a_connection_leaves_with_it_in_order,
    a_full_outbox_says_so_and_takes_again_when_there_is_room,
    no_order_is_lost_and_their_order_is_kept,
    without_an_outbox_what_may_have_arrived_comes_back,
    handles_put_messages_in_from_other_threads,
    much_passes_through_a_small_outbox,
    what_is_kept_can_be_taken_out_at_the_end,
    an_open_connection_is_replaced_when_asked_for,
    it_gives_up_after_so_many_attempts,
);

/// What is asked of a socket with an outbox.
trait Keeping: Client {
    fn try_feed(&mut self, text: &str) -> Result<(), SendError>;
    fn ready(&mut self);
    fn ping(&mut self);
    fn take_outbox(&mut self) -> Vec<Unsent>;
    fn kept(&self) -> Kept;
    fn resent(&self) -> u64;
    fn reconnect_now(&mut self);
    fn stop(&mut self);
    fn sender(&mut self) -> Box<dyn Handle>;
}

/// A handle, in a thread of its own.
trait Handle: Send {
    fn send(&self, text: String) -> Result<(), SendError>;
    fn try_send(&self, text: String) -> Result<(), SendError>;
    fn another(&self) -> Box<dyn Handle>;
}

#[derive(Debug, Clone)]
struct Ask {
    outbox: Option<OutboxLimit>,
    confirm: bool,
    policy: ReconnectConfig,
    config: Config,
}

fn ask(outbox: Option<OutboxLimit>, confirm: bool) -> Ask {
    Ask { outbox, confirm, policy: fast(), config: settings() }
}

trait KeepingKind {
    fn keeping(request: ClientRequest, ask: Ask) -> impl Keeping;
}

macro_rules! built {
    ($module:ident, $request:expr, $ask:expr) => {{
        let Ask { outbox, confirm, policy, config } = $ask;
        let socket = farewell::$module::Reconnecting::new($request, config).unwrap();
        let mut socket = socket.policy(policy).random(|| 1 << 63);
        if let Some(limit) = outbox {
            socket = socket.outbox(limit);
        }
        if confirm { socket.keep_unconfirmed() } else { socket }
    }};
}

impl KeepingKind for super::support::Blocking {
    fn keeping(request: ClientRequest, ask: Ask) -> impl Keeping {
        built!(blocking, request, ask)
    }
}

impl KeepingKind for super::support::Tokio {
    fn keeping(request: ClientRequest, ask: Ask) -> impl Keeping {
        InRuntime { runtime: runtime(), socket: built!(aio, request, ask) }
    }
}

impl Keeping for farewell::blocking::Reconnecting {
    fn try_feed(&mut self, text: &str) -> Result<(), SendError> {
        Ok(self.try_feed(text)?)
    }
    fn ready(&mut self) {
        self.ready();
    }
    fn ping(&mut self) {
        self.ping().unwrap();
    }
    fn take_outbox(&mut self) -> Vec<Unsent> {
        self.take_outbox()
    }
    fn kept(&self) -> Kept {
        self.kept()
    }
    fn resent(&self) -> u64 {
        self.resent()
    }
    fn reconnect_now(&mut self) {
        self.reconnect_now();
    }
    fn stop(&mut self) {
        self.stop(CloseCode::NORMAL);
    }
    fn sender(&mut self) -> Box<dyn Handle> {
        Box::new(self.sender())
    }
}

impl Keeping for InRuntime<TcpStream> {
    fn try_feed(&mut self, text: &str) -> Result<(), SendError> {
        Ok(self.socket.try_feed(text)?)
    }
    fn ready(&mut self) {
        self.runtime.block_on(self.socket.ready());
    }
    fn ping(&mut self) {
        self.runtime.block_on(self.socket.ping()).unwrap();
    }
    fn take_outbox(&mut self) -> Vec<Unsent> {
        self.socket.take_outbox()
    }
    fn kept(&self) -> Kept {
        self.socket.kept()
    }
    fn resent(&self) -> u64 {
        self.socket.resent()
    }
    fn reconnect_now(&mut self) {
        self.socket.reconnect_now();
    }
    fn stop(&mut self) {
        self.socket.stop(CloseCode::NORMAL);
    }
    fn sender(&mut self) -> Box<dyn Handle> {
        Box::new(self.socket.sender())
    }
}

impl Handle for farewell::blocking::OutboxSender {
    fn send(&self, text: String) -> Result<(), SendError> {
        Ok(self.send(text)?)
    }
    fn try_send(&self, text: String) -> Result<(), SendError> {
        Ok(self.try_send(text)?)
    }
    fn another(&self) -> Box<dyn Handle> {
        Box::new(self.clone())
    }
}

impl Handle for farewell::aio::OutboxSender {
    fn send(&self, text: String) -> Result<(), SendError> {
        Ok(runtime().block_on(self.send(text))?)
    }
    fn try_send(&self, text: String) -> Result<(), SendError> {
        Ok(self.try_send(text)?)
    }
    fn another(&self) -> Box<dyn Handle> {
        Box::new(self.clone())
    }
}

fn limit(messages: usize) -> Option<OutboxLimit> {
    Some(OutboxLimit::new(messages, 1 << 20))
}

/// How a server treats one connection.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// It goes away after so many messages.
    messages: usize,
    answers: bool,
    resets: bool,
}

/// A server that has one life for each connection, and one more that lasts until it has read a Ping
/// behind this message, which it answers before it closes with 1000. Returns what it got on each.
fn server(lives: Vec<Life>, last: &'static str) -> (ClientRequest, JoinHandle<Vec<Vec<String>>>) {
    let (send, got) = mpsc::channel();
    let mut scripts: Vec<super::support::Script> = Vec::new();
    for life in lives {
        let send = send.clone();
        scripts.push(Box::new(move |mut raw: Raw| {
            let mut texts = Vec::new();
            while texts.len() < life.messages {
                match raw.frame() {
                    (0x81, text) => texts.push(String::from_utf8(text).unwrap()),
                    (0x89, payload) if life.answers => raw.write(&plain(0x8a, &payload)),
                    (0x89, _) => {}
                    other => panic!("{other:?}"),
                }
            }
            send.send(texts).unwrap();
            if life.resets {
                raw.reset();
            }
        }));
    }
    scripts.push(Box::new(move |mut raw: Raw| {
        let mut texts = Vec::new();
        loop {
            match raw.frame() {
                (0x81, text) => texts.push(String::from_utf8(text).unwrap()),
                (0x89, payload) => {
                    raw.write(&plain(0x8a, &payload));
                    if texts.iter().any(|text| text == last) {
                        break;
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        send.send(texts).unwrap();
        raw.write(&close(1000));
        let _ = raw.rest();
    }));
    let (request, server) = script(scripts);
    (
        request,
        thread::spawn(move || {
            server.join().unwrap();
            got.into_iter().collect()
        }),
    )
}

fn until_it_gives_up(client: &mut impl Keeping) {
    loop {
        match client.next() {
            ReconnectEvent::GaveUp(reason) => {
                return assert_eq!(reason.kind, ReasonKind::Code(1000));
            }
            ReconnectEvent::Ended(ending) => assert_eq!(ending.unsent, []),
            _ => {}
        }
    }
}

fn what_is_sent_before_a_connection_leaves_with_it_in_order<K: KeepingKind>() {
    let (request, server) = server(vec![], "3");
    let mut client = K::keeping(request, ask(limit(10), true));
    for text in ["1", "2"] {
        client.feed(text.into()).unwrap();
    }
    assert_eq!(client.send("3".into()), Ok(()));
    assert_eq!((client.kept().messages, client.kept().bytes), (3, 3));
    assert_eq!(client.flush(), Err(SendError::NotConnected), "nothing has left");
    until_it_gives_up(&mut client);
    assert_eq!(server.join().unwrap(), [["1", "2", "3"]]);
    assert_eq!((client.kept(), client.resent()), (Kept::default(), 0));
}

fn a_full_outbox_says_so_and_takes_again_when_there_is_room<K: KeepingKind>() {
    for confirm in [false, true] {
        let (request, server) = script(vec![Box::new(|mut raw: Raw| {
            for expected in ["1", "2", "3"] {
                loop {
                    match raw.frame() {
                        (0x81, text) => break assert_eq!(text, expected.as_bytes()),
                        (0x89, payload) => raw.write(&plain(0x8a, &payload)),
                        other => panic!("{other:?}"),
                    }
                }
            }
        })]);
        let mut client = K::keeping(request, ask(Some(OutboxLimit::new(2, 100)), confirm));
        client.try_feed("1").unwrap();
        client.try_feed("2").unwrap();
        assert_eq!(client.try_feed("3"), Err(SendError::OutboxFull));
        let long = Message::from("x".repeat(101));
        let limit = SendError::OverOutboxLimit { limit: 100 };
        assert_eq!(client.feed(long.clone()), Err((limit, long)));
        client.ready(); // There is no connection, so this does not wait.
        assert_eq!(client.feed("3".into()), Err((SendError::OutboxFull, "3".into())));
        while !matches!(client.next(), ReconnectEvent::Opened) {}
        client.ready();
        client.try_feed("3").unwrap();
        assert_eq!(client.flush(), Ok(()));
        server.join().unwrap();
    }
}

fn no_order_is_lost_and_their_order_is_kept<K: KeepingKind>() {
    let life = |messages, answers, resets| Life { messages, answers, resets };
    let lives = vec![
        life(5, true, true),
        life(0, true, true),
        life(3, false, false),
        life(7, true, false),
        life(4, false, true),
    ];
    let (request, server) = server(lives, "20");
    let mut client = K::keeping(request, ask(limit(20), true));
    for number in 1..=20 {
        client.feed(number.to_string().into()).unwrap();
    }
    until_it_gives_up(&mut client);
    let got = server.join().unwrap();
    let (mut next, mut twice) = (1, 0);
    for connection in &got {
        // Each goes on with what may be missing: never later, and without a gap.
        let numbers: Vec<u32> = connection.iter().map(|text| text.parse().unwrap()).collect();
        let Some(first) = numbers.first() else { continue };
        assert!(*first <= next, "{got:?}");
        assert!(numbers.iter().copied().eq(*first..*first + numbers.len() as u32), "{got:?}");
        twice += next - first;
        next = next.max(*first + numbers.len() as u32);
    }
    assert_eq!(next, 21, "20 of 20: {got:?}");
    assert!(u64::from(twice) <= client.resent(), "{twice} came twice: {got:?}");
    assert_eq!(client.take_outbox(), []);
}

fn without_an_outbox_what_may_have_arrived_comes_back<K: KeepingKind>() {
    let (send, seen) = mpsc::channel();
    let (request, server) = script(vec![Box::new(move |mut raw: Raw| {
        // The first is confirmed, the second is read, and the third is not.
        let mut texts = 0;
        while texts < 2 {
            match raw.frame() {
                (0x81, _) => texts += 1,
                (0x89, payload) if texts < 2 => raw.write(&plain(0x8a, &payload)),
                _ => {}
            }
        }
        seen.recv().unwrap();
        raw.reset();
    })]);
    let mut client = K::keeping(request, ask(None, true));
    assert_eq!(
        client.try_feed("early"),
        Err(SendError::NotConnected),
        "it would be kept for nobody"
    );
    while !matches!(client.next(), ReconnectEvent::Opened) {}
    client.send("one".into()).unwrap();
    // The Pong for its Ping comes before the one for this.
    client.ping();
    client.ready();
    assert_eq!(client.kept(), Kept::default());
    client.send("two".into()).unwrap();
    client.send("three".into()).unwrap();
    send.send(()).unwrap();
    let unsent = ended(&mut client).unsent;
    let back: Vec<_> =
        unsent.iter().map(|unsent| (unsent.message.as_text().unwrap(), unsent.left)).collect();
    assert_eq!(back, [("two", true), ("three", true)]);
    assert_eq!(client.kept(), Kept::default());
    server.join().unwrap();
}

fn handles_put_messages_in_from_other_threads<K: KeepingKind>() {
    let life = Life { messages: 7, answers: true, resets: true };
    let (request, server) = server(vec![life, life], "last");
    let mut client = K::keeping(request, ask(limit(5), true));
    let handle = client.sender();
    let threads = thread::spawn(move || {
        let threads: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let handle = handle.another();
                thread::spawn(move || {
                    for number in 1..=30 {
                        handle.send(format!("{name}{number}")).unwrap();
                    }
                })
            })
            .into();
        for thread in threads {
            thread.join().unwrap();
        }
        handle.send("last".into()).unwrap();
        handle
    });
    until_it_gives_up(&mut client);
    let handle = threads.join().unwrap();
    assert_eq!(handle.send("late".into()), Err(SendError::Ended));
    drop(client);
    assert_eq!(handle.try_send("later".into()), Err(SendError::Ended));
    let got = server.join().unwrap().concat();
    for name in ["a", "b", "c"] {
        let mut next = 1;
        for text in got.iter().filter_map(|text| text.strip_prefix(name)) {
            let number: u32 = text.parse().unwrap();
            assert!(number <= next, "{name}{number} came before {name}{next}");
            next = next.max(number + 1);
        }
        assert_eq!(next, 31, "{name}");
    }
}

fn much_passes_through_a_small_outbox<K: KeepingKind>() {
    let (request, server) = script(vec![Box::new(|mut raw: Raw| {
        for number in 0..400_u32 {
            loop {
                match raw.frame() {
                    (0x82, bytes) => {
                        break assert_eq!(
                            (bytes.len(), &bytes[..4]),
                            (20_000, &number.to_be_bytes()[..])
                        );
                    }
                    (0x89, payload) => raw.write(&plain(0x8a, &payload)),
                    other => panic!("{other:?}"),
                }
            }
        }
        raw.write(&close(1000));
        let _ = raw.rest();
    })]);
    let mut ask = ask(limit(8), true);
    ask.config.limits.pending_output = 30_000;
    let mut client = K::keeping(request, ask);
    while !matches!(client.next(), ReconnectEvent::Opened) {}
    for number in 0..400_u32 {
        let mut bytes = vec![0; 20_000];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        client.ready();
        client.feed(bytes.into()).unwrap();
        assert!(client.kept().messages <= 8);
    }
    until_it_gives_up(&mut client);
    server.join().unwrap();
}

fn what_is_kept_can_be_taken_out_at_the_end<K: KeepingKind>() {
    let (request, server) = script(vec![
        Box::new(|mut raw: Raw| {
            assert_eq!(raw.frame(), (0x81, b"1".to_vec()));
        }),
        Box::new(|mut raw: Raw| drop(raw.rest())),
    ]);
    let mut policy = slow();
    policy.stable_after = millis(0);
    let mut client = K::keeping(request, Ask { policy, ..ask(limit(10), true) });
    client.feed("1".into()).unwrap();
    ended(&mut client);
    client.feed("2".into()).unwrap();
    client.stop();
    assert_eq!(client.try_feed("3"), Err(SendError::Ended));
    assert!(matches!(client.next(), ReconnectEvent::GaveUp(_)));
    let kept = client.take_outbox();
    let kept: Vec<_> =
        kept.iter().map(|unsent| (unsent.message.as_text().unwrap(), unsent.left)).collect();
    assert_eq!(kept, [("1", true), ("2", false)]);
    // Begun again, it takes messages again.
    client.retry_now();
    client.try_feed("4").unwrap();
    while !matches!(client.next(), ReconnectEvent::Opened) {}
    client.stop();
    while !matches!(client.next(), ReconnectEvent::GaveUp(_)) {}
    server.join().unwrap();
}

fn an_open_connection_is_replaced_when_asked_for<K: KeepingKind>() {
    let (request, server) = script(vec![
        Box::new(|mut raw: Raw| drop(raw.rest())),
        Box::new(|mut raw: Raw| {
            raw.write(&plain(0x81, b"new"));
            let _ = raw.rest();
        }),
    ]);
    let mut client = K::keeping(request, Ask { policy: slow(), ..ask(limit(1), false) });
    while !matches!(client.next(), ReconnectEvent::Opened) {}
    client.reconnect_now();
    let ending = ended(&mut client);
    assert_eq!(
        ending.decision.to_string(),
        "retry in 0 µs: the application asked for another connection"
    );
    let ReconnectEvent::Attempt(attempt) = client.next() else { panic!("no attempt") };
    assert_eq!(attempt.reason.kind, ReasonKind::Replaced);
    assert!(matches!(client.next(), ReconnectEvent::Opened));
    assert!(matches!(client.next(), ReconnectEvent::Message(_)));
    assert!(client.close(CloseCode::NORMAL).is_some());
    // There is none to be replaced: it begins again.
    client.reconnect_now();
    assert!(matches!(client.next(), ReconnectEvent::Attempt(_)));
    server.join().unwrap();
}

fn it_gives_up_after_so_many_attempts<K: KeepingKind>() {
    let (listener, request) = listen();
    drop(listener);
    let mut policy = fast();
    policy.give_up_after_attempts = Some(3);
    let mut client = K::keeping(request, Ask { policy, ..ask(None, false) });
    let reason = loop {
        if let ReconnectEvent::GaveUp(reason) = client.next() {
            break reason;
        }
    };
    assert_eq!(reason.gave_up_after_attempts, Some(3));
    let says = "the connection was refused; 3 attempts without a stable connection were the limit";
    assert_eq!(reason.to_string(), says);
}

/// What a handle has put in before stays when the limit is set.
#[test]
fn setting_a_limit_drops_nothing() {
    let mut client = farewell::blocking::Reconnecting::to("ws://127.0.0.1:9/").unwrap();
    client.sender().try_send("one").unwrap();
    let mut client = client.outbox(OutboxLimit::new(2, 100));
    client.try_feed("two").unwrap();
    assert!(client.try_feed("three").is_err());
    let mut client = client.outbox(OutboxLimit::new(3, 100));
    client.try_feed("three").unwrap();
    let kept: Vec<_> = client.take_outbox().into_iter().map(|unsent| unsent.message).collect();
    assert_eq!(kept, ["one", "two", "three"].map(farewell::Message::from));
}
