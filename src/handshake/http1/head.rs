//! Reading a head: gathering its bytes under the limits, then parsing them once.
//!
//! A state machine looks at every byte once, and knows nothing of how the bytes were split, so any split
//! gives the same head, the same error and the same number of bytes taken. httparse sees the head once,
//! when it is complete. What comes whole and has nothing unusual about it is read without both, with the
//! same result: see [`whole`].
//!
//! Of a response that refuses the connection nothing depends on but whether and when to ask again. So
//! once its status can be read, whatever is odd about the rest is put up with: see
//! [`lenient`](super::lenient).

mod line;
mod parse;
mod whole;

use alloc::vec::Vec;
use core::fmt;

pub(super) use self::line::line_end;
use super::headers::is_token_byte;
use crate::config::Limits;
use crate::handshake::error::HandshakeError;
use crate::handshake::head::{HeadLimits, Kind, ResponseHead};

/// Empty lines before a request that are ignored at most.
const EMPTY_LINES: u8 = 4;

/// The status of a response that opens a connection: what it has to say is read strictly.
const SWITCHING: u16 = 101;

/// The least status that is not informational.
const FINAL: u16 = 200;

/// Gathers the bytes of a head and knows when it is complete.
pub(in crate::handshake) struct HeadReader {
    kind: Kind,
    limits: HeadLimits,
    buffer: Vec<u8>,
    /// Bytes seen in all, those of heads taken out before included.
    seen: usize,
    /// Complete lines of the present head, its first one included.
    lines: usize,
    /// Bytes of the present line before its line ending.
    line_len: usize,
    /// The last byte was a carriage return.
    after_cr: bool,
    /// The present byte belongs to a request's method.
    in_method: bool,
    /// Empty lines before the first one.
    empty_lines: u8,
    /// The digits of a response's status so far.
    status: u16,
    /// The status cannot be read.
    unreadable: bool,
    /// The head is odd, and that of a refusal.
    lenient: bool,
    /// The head of a refusal went over its limit: this is all of it that is read.
    cut: bool,
}

// What came may have credentials in it.
impl fmt::Debug for HeadReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gathered = self.buffer.len();
        f.debug_struct("HeadReader")
            .field("kind", &self.kind)
            .field("gathered", &gathered)
            .finish_non_exhaustive()
    }
}

impl HeadReader {
    pub(in crate::handshake) fn new(kind: Kind, limits: &Limits) -> Self {
        Self {
            kind,
            limits: HeadLimits::new(limits),
            buffer: Vec::new(),
            seen: 0,
            lines: 0,
            line_len: 0,
            after_cr: false,
            in_method: true,
            empty_lines: 0,
            status: 0,
            unreadable: false,
            lenient: false,
            cut: false,
        }
    }

    /// Takes bytes up to the end of the head. Returns how many, and whether the head is complete.
    pub(in crate::handshake) fn receive(
        &mut self,
        input: &[u8],
    ) -> Result<(usize, bool), HandshakeError> {
        let mut rest = input;
        let mut complete = false;
        while let Some((byte, behind)) = rest.split_first() {
            let plain = self.skip_plain(rest);
            if plain > 0 {
                rest = rest.get(plain..).unwrap_or_default();
                continue;
            }
            rest = behind;
            complete = match self.lenient {
                true => self.step_leniently(*byte),
                false => match self.step(*byte) {
                    Err(error) if self.refuses() => self.bear(error, *byte),
                    result => result,
                },
            }?;
            if complete {
                break;
            }
        }
        let taken = input.len() - rest.len();
        self.store(input.get(..taken).unwrap_or_default());
        Ok((taken, complete))
    }

    /// Bytes looked at so far, the one that was wrong included.
    pub(in crate::handshake) fn seen(&self) -> usize {
        self.seen
    }

    /// Goes over bytes of which each would only be counted, from within one line into later ones, and
    /// says how many. What a first line begins with, what ends the head, what breaks a rule and what
    /// a limit forbids are left to [`step`](Self::step).
    #[inline]
    fn skip_plain(&mut self, input: &[u8]) -> usize {
        let first_line = match self.kind {
            Kind::Request => self.in_method,
            Kind::Response => self.line_len <= STATUS_END,
        };
        if self.line_len == 0 || self.after_cr || self.lenient || self.lines == 0 && first_line {
            return 0;
        }
        let in_head = self.limits.head.saturating_sub(self.seen);
        let mut rest = input.get(..in_head).unwrap_or(input);
        let all = rest.len();
        loop {
            let in_line = self.limits.line.saturating_sub(self.line_len);
            let plain = line_end(rest.get(..in_line).unwrap_or(rest));
            self.line_len += plain;
            rest = rest.get(plain..).unwrap_or_default();
            match rest {
                [b'\r', b'\n', next, behind @ ..]
                    if !matches!(next, b'\r' | b'\n')
                        && self.lines < self.limits.headers
                        && self.limits.line > 0 =>
                {
                    self.lines += 1;
                    self.line_len = 1;
                    rest = behind;
                }
                _ => break,
            }
        }
        let plain = all - rest.len();
        self.seen += plain;
        plain
    }

    /// Looks at one byte. Returns whether it completes the head.
    fn step(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        self.limits.check_length(self.seen)?;
        self.seen += 1;
        if self.lines == 0 {
            if self.line_len == 0 && (self.after_cr || byte == b'\r') {
                return self.step_before(byte);
            }
            self.check_first_line(byte)?;
        }
        match (self.after_cr, byte) {
            (true, b'\n') => {
                let blank = self.line_len == 0;
                self.lines += 1;
                self.line_len = 0;
                self.after_cr = false;
                return Ok(blank);
            }
            (true, _) | (false, b'\n') => return Err(HandshakeError::LineEnding),
            (false, b'\r') => self.after_cr = true,
            (false, _) => self.check_limits()?,
        }
        Ok(false)
    }

    /// Looks at a byte of an empty line before the first one.
    //= rfc9112#2.2
    //# In the interest of robustness, a server that is expecting to receive
    //# and parse a request-line SHOULD ignore at least one empty line (CRLF)
    //# received prior to the request-line.
    fn step_before(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        let line_feed = self.after_cr;
        self.after_cr = !line_feed;
        self.empty_lines += u8::from(line_feed);
        if line_feed && byte != b'\n' || self.empty_lines > EMPTY_LINES {
            return Err(HandshakeError::NotHttp);
        }
        Ok(false)
    }

    /// Whether this is a response that has another status than 101, as far as can be told.
    fn refuses(&self) -> bool {
        let known = self.kind == Kind::Response && (self.lines > 0 || self.line_len >= STATUS_END);
        known && !self.unreadable && self.status != SWITCHING
    }

    /// Puts up with an error in the head of a refusal. Returns whether all of it is read.
    fn bear(&mut self, error: HandshakeError, byte: u8) -> Result<bool, HandshakeError> {
        // But for this one, the byte was counted already.
        if !matches!(error, HandshakeError::HeadTooLarge { .. }) {
            self.seen -= 1;
        }
        self.lenient = true;
        self.step_leniently(byte)
    }

    /// Looks at one byte of an odd head. It is complete behind an empty line and, where it is no
    /// informational one, at its limit.
    fn step_leniently(&mut self, byte: u8) -> Result<bool, HandshakeError> {
        if let Err(error) = self.limits.check_length(self.seen) {
            self.cut = self.status >= FINAL;
            return if self.cut { Ok(true) } else { Err(error) };
        }
        self.seen += 1;
        match byte {
            b'\n' => {
                let blank = self.line_len == 0;
                self.lines += 1;
                self.line_len = 0;
                return Ok(blank);
            }
            b'\r' => {}
            _ => self.line_len += 1,
        }
        Ok(false)
    }

    /// Counts a byte that belongs to a line.
    fn check_limits(&mut self) -> Result<(), HandshakeError> {
        if self.line_len == 0 {
            self.limits.check_count(self.lines)?;
        }
        self.limits.check_line(self.kind, self.lines, self.line_len)?;
        self.line_len += 1;
        Ok(())
    }

    /// Tells at the earliest byte that the peer does not speak HTTP, rather than at a limit or a
    /// deadline.
    fn check_first_line(&mut self, byte: u8) -> Result<(), HandshakeError> {
        const VERSION: &[u8] = b"HTTP/1.";
        const NAME_LEN: usize = "HTTP/".len();
        match self.kind {
            Kind::Response => match VERSION.get(self.line_len) {
                Some(expected) if *expected == byte => {}
                Some(_) if self.line_len < NAME_LEN => return Err(HandshakeError::NotHttp),
                Some(_) => return Err(HandshakeError::HttpVersion),
                None if !self.after_cr => self.read_status(byte),
                None => {}
            },
            Kind::Request if self.in_method => {
                if byte == b' ' && self.line_len > 0 {
                    self.in_method = false;
                } else if !is_token_byte(byte) {
                    return Err(HandshakeError::NotHttp);
                }
            }
            Kind::Request => {}
        }
        Ok(())
    }

    /// Reads a byte behind `HTTP/1.`: the rest of the version, and the status.
    fn read_status(&mut self, byte: u8) {
        const MINOR: usize = "HTTP/1.".len();
        const SPACE: usize = MINOR + 1;
        let fits = match self.line_len {
            MINOR => byte.is_ascii_digit(),
            SPACE => byte == b' ',
            STATUS_END => matches!(byte, b' ' | b'\r' | b'\n') && self.status >= 100,
            at if at < STATUS_END => {
                self.status = self.status * 10 + u16::from(byte.wrapping_sub(b'0') % 10);
                byte.is_ascii_digit()
            }
            _ => true,
        };
        self.unreadable |= !fits;
    }

    /// Stores bytes, at most doubling the buffer and never making it larger than a head may be.
    fn store(&mut self, bytes: &[u8]) {
        let needed = self.buffer.len() + bytes.len();
        if needed > self.buffer.capacity() {
            let wanted = needed.max(self.buffer.capacity() * 2).min(self.limits.head.max(needed));
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the complete head out and readies the reader for another response under what is left
    /// of the limit.
    fn take(&mut self) -> (Vec<u8>, usize) {
        // Neither the first line nor the blank one is a header field.
        let fields = self.lines.saturating_sub(2);
        self.lines = 0;
        self.line_len = 0;
        self.after_cr = false;
        self.status = 0;
        self.unreadable = false;
        self.lenient = false;
        (core::mem::take(&mut self.buffer), fields)
    }

    /// The limit that the head of a response went over, so that there is no telling where it ends.
    pub(in crate::handshake) fn cut_at(&self) -> Option<usize> {
        self.cut.then_some(self.limits.head)
    }

    /// What there is of the head of a refusal, where no more of it comes.
    pub(in crate::handshake) fn finish_response(mut self) -> Option<ResponseHead> {
        // Of a status that nothing follows, a digit may be missing; an informational one is no end.
        if !self.refuses() || self.status < FINAL || self.line_len == STATUS_END && self.lines == 0
        {
            return None;
        }
        self.cut = true;
        self.take_response().ok()
    }
}

/// The length of a status line up to the end of its status.
const STATUS_END: usize = "HTTP/1.1 101".len();

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;
    use crate::handshake::head::{Method, Version};

    fn limits(head: usize, headers: usize, header_line: usize) -> Limits {
        Limits { head, headers, header_line, ..Limits::default() }
    }

    fn read(kind: Kind, limits: &Limits, wire: &str) -> Result<(usize, bool), HandshakeError> {
        let mut reader = HeadReader::new(kind, limits);
        let mut taken = 0;
        for byte in wire.as_bytes() {
            let (count, complete) = reader.receive(&[*byte])?;
            assert!(reader.buffer.capacity() <= limits.head, "{wire:?}");
            taken += count;
            if complete {
                assert_eq!(reader.buffer, &wire.as_bytes()[..taken]);
                return Ok((taken, true));
            }
        }
        Ok((taken, false))
    }

    #[test]
    fn each_limit_is_inclusive() {
        let wire = "GET / HTTP/1.1\r\nA: 4567890123456789\r\nB: 2\r\n\r\n";
        let all = wire.len();
        let cases = [
            (limits(all, 2, 19), Ok((all, true))),
            (limits(all - 1, 2, 19), Err(HandshakeError::HeadTooLarge { limit: all - 1 })),
            (limits(all, 1, 19), Err(HandshakeError::TooManyHeaders { limit: 1 })),
            (limits(all, 0, 19), Err(HandshakeError::TooManyHeaders { limit: 0 })),
            (limits(all, 2, 18), Err(HandshakeError::LineTooLong { limit: 18 })),
            (limits(all, 2, 14), Err(HandshakeError::LineTooLong { limit: 14 })),
            (limits(all, 2, 13), Err(HandshakeError::RequestLineTooLong { limit: 13 })),
            (limits(0, 0, 0), Err(HandshakeError::HeadTooLarge { limit: 0 })),
        ];
        for (limits, expected) in cases {
            assert_eq!(read(Kind::Request, &limits, wire), expected, "{limits:?}");
            let whole = HeadReader::new(Kind::Request, &limits).receive(wire.as_bytes());
            assert_eq!(whole, expected, "{limits:?}");
        }
        let long = read(Kind::Response, &limits(99, 9, 10), "HTTP/1.1 200 OK\r\n");
        assert_eq!(long, Err(HandshakeError::LineTooLong { limit: 10 }));
    }

    #[test]
    fn what_is_no_head_is_told_at_its_first_wrong_byte() {
        let cases = [
            (Kind::Request, "\u{16}\u{3}\u{1}", 0, HandshakeError::NotHttp),
            (Kind::Request, "\rGET", 1, HandshakeError::NotHttp),
            (Kind::Request, "\nGET", 0, HandshakeError::NotHttp),
            (Kind::Request, "\r\n\r\n\r\n\r\n\r\nGET", 9, HandshakeError::NotHttp),
            (Kind::Request, " GET", 0, HandshakeError::NotHttp),
            (Kind::Request, "SSH-2.0-x\r\n", 9, HandshakeError::NotHttp),
            (Kind::Request, "GET / HTTP/1.1\n", 14, HandshakeError::LineEnding),
            (Kind::Request, "GET / HTTP/1.1\rA", 15, HandshakeError::LineEnding),
            (Kind::Request, "GET / HTTP/1.1\r\r\n", 15, HandshakeError::LineEnding),
            (Kind::Request, "GET / HTTP/1.1\r\nA: b\nC", 20, HandshakeError::LineEnding),
            (Kind::Response, "SSH-2.0-x", 0, HandshakeError::NotHttp),
            (Kind::Response, "HTTPS", 4, HandshakeError::NotHttp),
            (Kind::Response, "\r\nHTTQ/1.1", 5, HandshakeError::NotHttp),
            (Kind::Response, "HTTP/2 200", 5, HandshakeError::HttpVersion),
            (Kind::Response, "HTTP/10", 6, HandshakeError::HttpVersion),
        ];
        for (kind, wire, wrong, error) in cases {
            let before = read(kind, &Limits::default(), &wire[..wrong]);
            assert_eq!(before, Ok((wrong, false)), "{wire:?}");
            let with = read(kind, &Limits::default(), &wire[..=wrong]);
            assert_eq!(with, Err(error), "{wire:?}");
        }
    }

    #[test]
    fn several_heads_share_the_limit() {
        let wire = "HTTP/1.1 100 Continue\r\nA: b\r\n\r\n";
        let mut reader = HeadReader::new(Kind::Response, &limits(wire.len() * 2 - 1, 9, 99));
        assert_eq!(reader.receive(wire.as_bytes()), Ok((wire.len(), true)));
        let head = reader.take_response().unwrap();
        assert_eq!((head.status, head.headers.len(), head.http_1_1), (100, 1, true));
        assert_eq!(head.headers.text(head.reason), "Continue");
        let error = HandshakeError::HeadTooLarge { limit: wire.len() * 2 - 1 };
        assert_eq!(reader.receive(wire.as_bytes()), Err(error));
    }

    #[test]
    fn a_head_is_taken_apart() {
        let wire = "GET /a HTTP/1.0\r\nhOst:\t x \r\nEmpty:\r\nEmpty: \u{fc}\r\n\r\n";
        let mut reader = HeadReader::new(Kind::Request, &Limits::default());
        assert_eq!(reader.receive(wire.as_bytes()), Ok((wire.len(), true)));
        let head = reader.take_request().unwrap();
        let headers: String =
            head.headers.iter().map(|(n, v)| format!("{n}={}|", v.escape_ascii())).collect();
        assert_eq!(headers, "hOst=x|Empty=|Empty=\\xc3\\xbc|");
        assert_eq!((head.method, head.version), (Method::Get, Version::Http10));
        assert_eq!(head.headers.text(head.target), "/a");
        assert_eq!(head.headers.get("HOST"), Some("x"));
        assert_eq!(head.headers.get_all("empty").count(), 2);
    }

    /// What heads consist of, right and wrong.
    const PARTS: [&str; 12] = [
        "GET / HTTP/1.1",
        "HTTP/1.1 101 ",
        "HTTP/1.0 404 x",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "\r",
        "\n",
        "A:b",
        "Name: value",
        " ",
        "\u{fc}",
    ];

    proptest! {
        #[test]
        fn a_head_is_told_from_its_bytes_in_any_pieces(
            (request, head, headers, line) in (any::<bool>(), 0..99_usize, 0..5_usize, 0..30_usize),
            parts in prop::collection::vec(prop::sample::select(&PARTS[..]), 0..14),
            size in 2..99_usize,
        ) {
            let kind = if request { Kind::Request } else { Kind::Response };
            let wire = parts.concat();
            let receive = |size| {
                let mut reader = HeadReader::new(kind, &limits(head, headers, line));
                let mut taken = 0;
                for piece in wire.as_bytes().chunks(size) {
                    match reader.receive(piece) {
                        Ok((count, false)) => taken += count,
                        Ok((count, true)) => return (Ok((taken + count, true)), reader.seen()),
                        Err(error) => return (Err(error), reader.seen()),
                    }
                }
                (Ok((taken, false)), reader.seen())
            };
            prop_assert_eq!(receive(size), receive(1));
        }
    }
}
