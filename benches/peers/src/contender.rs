//! Those who are compared, one module each. What has to be known of one stands beside its code and
//! is printed with the figures.

use crate::contenders as all;
use crate::wire::Reading;
use crate::work::{Ready, Work, Writing};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A loop written by hand that does what is measured and nothing else.
    Limit,
    Ours,
    Peer,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Ours => "ours",
            Self::Peer => "peer",
        }
    }
}

/// How a message that was read is handed out, which says to which limit it compares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hands {
    /// A slice of memory that is used again.
    Lent,
    /// To keep.
    Owned,
}

pub struct Contender {
    pub name: &'static str,
    /// The package, whose version the lock file says.
    pub package: &'static str,
    pub kind: Kind,
    pub hands: Hands,
    /// How it is set up, and what it does otherwise than the others.
    pub notes: &'static str,
    pub read: fn(&Reading) -> Option<Ready>,
    pub write: fn(&Writing) -> Option<Ready>,
    pub accept: fn() -> Option<Ready>,
    pub connect: fn() -> Option<Ready>,
}

impl Contender {
    /// Sets it up, if it can do the work.
    pub fn prepare(&self, work: &Work) -> Option<Ready> {
        match work {
            Work::Read(reading) => (self.read)(reading),
            Work::Write(writing) => (self.write)(writing),
            Work::Accept => (self.accept)(),
            Work::Connect => (self.connect)(),
        }
    }

    /// As the lock file has it.
    pub fn version(&self) -> &'static str {
        let lock = include_str!("../Cargo.lock");
        let name = format!("name = \"{}\"\nversion = \"", self.package);
        lock.split_once(&name).and_then(|(_, rest)| rest.split('"').next()).unwrap_or("")
    }
}

pub static CONTENDERS: [&Contender; 15] = [
    &all::limit_lent::CONTENDER,
    &all::limit_owned::CONTENDER,
    &all::farewell_connection::CONTENDER,
    &all::farewell_session::CONTENDER,
    &all::farewell_tokio::CONTENDER,
    &all::farewell_blocking::CONTENDER,
    &all::tungstenite::CONTENDER,
    &all::tokio_tungstenite::CONTENDER,
    &all::fastwebsockets::CONTENDER,
    &all::tokio_websockets::CONTENDER,
    &all::web_socket::CONTENDER,
    &all::sockudo_ws::CONTENDER,
    &all::soketto::CONTENDER,
    &all::yawc::CONTENDER,
    &all::wtx::CONTENDER,
];
