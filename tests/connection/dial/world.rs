//! A world without sockets: names resolve, addresses answer and proxies speak as a test says, at
//! the times that it says.

use std::net::SocketAddr;
use std::time::Duration;

use farewell::dial::{AttemptError, AttemptErrorKind, Dial, DialError, DialOptions, Dialled, Step};
use farewell::handshake::ClientRequest;
use farewell::{Config, ReadClosed, Timestamp};

/// What becomes of an attempt, and after how many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Connects(u64),
    Refuses(u64),
    Unreachable(u64),
    Silent,
}

/// What a proxy does with all that was written to it so far: it answers, or not yet.
pub(crate) type Script = fn(&[u8]) -> Option<&'static [u8]>;

pub(crate) struct World {
    /// Milliseconds of a lookup and its addresses; nothing where it never ends.
    pub(crate) lookup: Option<(u64, Result<Vec<SocketAddr>, &'static str>)>,
    pub(crate) fates: Vec<(SocketAddr, Fate)>,
    pub(crate) proxy: Script,
    /// How many bytes one read yields.
    pub(crate) piece: usize,
    /// The proxy's stream ends behind its last answer.
    pub(crate) hangs_up: bool,
}

/// What was seen from outside.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) result: Result<Dialled, DialError>,
    /// When each address was tried, in milliseconds.
    pub(crate) begun: Vec<(SocketAddr, u64)>,
    pub(crate) dropped: Vec<usize>,
    /// When it was over.
    pub(crate) ended: u64,
    /// The most attempts that were under way at once.
    pub(crate) most: usize,
    pub(crate) resolved: Vec<(String, u16)>,
}

pub(crate) fn address(name: &str) -> SocketAddr {
    match name.strip_prefix('v') {
        Some(last) => format!("[2001:db8::{last}]:80").parse().unwrap(),
        None => format!("192.0.2.{name}:80").parse().unwrap(),
    }
}

pub(crate) fn request(url: &str) -> ClientRequest {
    ClientRequest::new(url).unwrap()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(millis)
}

impl World {
    /// A name with these addresses, which is looked up in no time.
    pub(crate) fn new(fates: &[(&str, Fate)]) -> Self {
        let fates: Vec<_> = fates.iter().map(|(name, fate)| (address(name), *fate)).collect();
        let addresses = fates.iter().map(|(address, _)| *address).collect();
        Self {
            lookup: Some((0, Ok(addresses))),
            fates,
            proxy: |_| None,
            piece: usize::MAX,
            hangs_up: false,
        }
    }

    pub(crate) fn dial(&self, url: &str, options: &DialOptions, config: &Config) -> Seen {
        let mut dial = Dial::new(&request(url), options, config, at(0));
        let mut now = 0;
        let (mut lookup_at, mut pending) = (None, Vec::new());
        let (mut begun, mut dropped, mut most) = (Vec::new(), Vec::new(), 0);
        let (mut resolved, mut written, mut incoming) = (Vec::new(), Vec::new(), Vec::new());
        let mut answered = false;
        for _ in 0..100_000 {
            match dial.next() {
                Step::Resolve { host, port } => {
                    resolved.push((host.into(), port));
                    lookup_at = self.lookup.as_ref().map(|(millis, _)| now + millis);
                }
                Step::Connect { attempt, address } => {
                    begun.push((address, now));
                    pending.push((attempt, address, now));
                    most = most.max(pending.len());
                }
                Step::Drop { attempt } => {
                    dropped.push(attempt);
                    pending.retain(|(pending, ..)| *pending != attempt);
                }
                Step::Write => {
                    let len = dial.output().len().min(self.piece);
                    written.extend_from_slice(&dial.output()[..len]);
                    dial.handle_written(len, at(now));
                    // A request may begin with what another consists of.
                    if dial.output().is_empty() {
                        if let Some(answer) = (self.proxy)(&written) {
                            (answered, incoming) = (true, answer.to_vec());
                        }
                        written.clear();
                    }
                }
                Step::Read if !incoming.is_empty() => {
                    let rest = incoming.split_off(self.piece.min(incoming.len()));
                    dial.handle_read(&std::mem::replace(&mut incoming, rest), at(now));
                }
                Step::Read if self.hangs_up && answered => {
                    dial.handle_read_closed(ReadClosed::Eof, at(now));
                }
                Step::Read => dial.handle_read_blocked(),
                Step::Wait(wait) => {
                    let fate = |address| self.fates.iter().find(|(known, _)| *known == address);
                    let due =
                        pending.iter().enumerate().filter_map(|(index, (_, address, from))| {
                            match fate(*address)?.1 {
                                Fate::Connects(after) => Some((from + after, index, None)),
                                Fate::Refuses(after) => {
                                    Some((from + after, index, Some(AttemptErrorKind::Refused)))
                                }
                                Fate::Unreachable(after) => {
                                    Some((from + after, index, Some(AttemptErrorKind::Unreachable)))
                                }
                                Fate::Silent => None,
                            }
                        });
                    let due = due.min_by_key(|(when, ..)| *when);
                    let until = wait.until.since(Timestamp::ZERO).as_nanos().div_ceil(1_000_000);
                    let until = u64::try_from(until).unwrap();
                    match (lookup_at, due) {
                        (Some(when), _) if when <= until => {
                            (now, lookup_at) = (when, None);
                            match &self.lookup.as_ref().unwrap().1 {
                                Ok(addresses) => dial.handle_resolved(addresses, at(now)),
                                Err(words) => dial.handle_unresolved(words, at(now)),
                            }
                        }
                        (_, Some((when, index, error))) if when <= until => {
                            now = now.max(when);
                            let (attempt, ..) = pending.remove(index);
                            match error {
                                None => dial.handle_connected(attempt, at(now)),
                                Some(kind) => {
                                    let error = AttemptError::new(kind).os_error(111);
                                    dial.handle_connect_failed(attempt, error, at(now));
                                }
                            }
                        }
                        _ => {
                            now = now.max(until);
                            dial.handle_timeout(at(now));
                        }
                    }
                }
                Step::Connected { .. } | Step::Failed => {
                    let result = dial.into_result();
                    return Seen { result, begun, dropped, ended: now, most, resolved };
                }
                other => panic!("{other:?} is new to this world"),
            }
        }
        panic!("it does not end");
    }
}
