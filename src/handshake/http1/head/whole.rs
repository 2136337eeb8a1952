//! A head that is there as a whole and has nothing unusual about it, read in one pass.
//!
//! Invariant: what is read here is read the same byte by byte. Whatever that would treat in any other
//! way than to take it as it is, or would refuse, is left to it: `None` says no more than that.

use super::HeadReader;
use super::line::{colon, control, line_end};
use crate::handshake::head::{HeadLimits, Kind, Method, RequestHead, ResponseHead, Version};
use crate::handshake::http1::headers::{Headers, Span, is_token};
use crate::handshake::http1::known::{Index, Known};

impl HeadReader {
    /// Takes the head of a request if it is all of the first input, and says how long it is.
    pub(in crate::handshake) fn take_whole_request(
        &mut self,
        input: &[u8],
    ) -> Option<(usize, RequestHead, Index)> {
        const METHOD: &[u8] = b"GET ";
        const VERSION: &[u8] = b" HTTP/1.1";
        if self.seen > 0 || self.kind != Kind::Request {
            return None;
        }
        let input = self.limits.within(input);
        let target = METHOD.len()..line_end(input).checked_sub(VERSION.len())?;
        let (start, version) = input.split_at_checked(target.end)?;
        let is_target = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_graphic);
        let sound = start.starts_with(METHOD)
            && start.get(target.clone()).is_some_and(|it| !it.is_empty() && is_target(it))
            && version.starts_with(VERSION);
        let (len, headers, index) = self.whole(input, target.end + VERSION.len(), sound)?;
        let head = RequestHead {
            headers,
            version: Version::Http11,
            method: Method::Get,
            verb: Span::between(0, METHOD.len() - 1),
            target: Span::between(target.start, target.end),
        };
        Some((len, head, index))
    }

    /// Takes the head of a response that opens a connection if it is all of the first input, and says
    /// how long it is.
    pub(in crate::handshake) fn take_whole_response(
        &mut self,
        input: &[u8],
    ) -> Option<(usize, ResponseHead, Index)> {
        const START: &[u8] = b"HTTP/1.1 101 ";
        if self.seen > 0 || self.kind != Kind::Response {
            return None;
        }
        let input = self.limits.within(input);
        let end = line_end(input);
        let reason = input.get(START.len()..end)?;
        let sound =
            input.starts_with(START) && reason.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let (len, headers, index) = self.whole(input, end, sound)?;
        let reason = Span::between(START.len(), end);
        Some((len, ResponseHead { headers, status: 101, http_1_1: true, reason }, index))
    }

    /// Reads the fields behind a first line of this length.
    fn whole(
        &mut self,
        input: &[u8],
        first: usize,
        sound: bool,
    ) -> Option<(usize, Headers, Index)> {
        if !sound || first > self.limits.line || !input.get(first..)?.starts_with(b"\r\n") {
            return None;
        }
        let mut index = Index::default();
        let end = fields(input, first + 2, self.limits, &mut index)?;
        self.seen = end + 2;
        Some((end + 2, Headers::new(input.get(..end + 2)?, Span::between(first + 2, end)), index))
    }
}

/// Reads the fields that begin at `at`, of an input that is no longer than a head may be, and says where the empty line behind them does.
fn fields(input: &[u8], mut at: usize, limits: HeadLimits, index: &mut Index) -> Option<usize> {
    let mut left = limits.headers;
    loop {
        let line = input.get(at..)?;
        if line.first() == Some(&b'\r') {
            return line.starts_with(b"\r\n").then_some(at);
        }
        let name_len = colon(line)?;
        let (name, rest) = line.split_at(name_len);
        let known = Known::named(name);
        if known.is_none() && !is_token(name) {
            return None;
        }
        let rest = rest.get(1..)?;
        let end = control(rest);
        let (value, ending) = rest.split_at(end);
        let len = name_len + 1 + end;
        if !ending.starts_with(b"\r\n") || len > limits.line || left == 0 {
            return None;
        }
        left -= 1;
        if let Some(known) = known {
            index.note(known, Span::of(value.trim_ascii(), input));
        }
        at += len + 2;
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::config::Limits;

    const STARTS: [&str; 14] = [
        "GET / HTTP/1.1",
        "GET /chat?room=1 HTTP/1.1",
        "GET http://a.example/ HTTP/1.1",
        "GET  HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /\u{fc} HTTP/1.1",
        "GET / HTTP/1.0",
        "GET / HTTP/1.1 ",
        "POST / HTTP/1.1",
        "HTTP/1.1 101 Switching Protocols",
        "HTTP/1.1 101 ",
        "HTTP/1.1 101",
        "HTTP/1.1 101 \u{fc}",
        "HTTP/1.0 101 x",
    ];

    const LINES: [&str; 22] = [
        "Host: a.example",
        "hOsT:b.example",
        "Origin: http://a.example",
        "Upgrade: websocket",
        "UPGRADE: a, b",
        "Connection: keep-alive, Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key:   dGhlIHNhbXBsZSBub25jZQ==  ",
        "Sec-WebSocket-Accept:",
        "Sec-WebSocket-Protocol: \u{fc}",
        "Sec-WebSocket-Extensions: a; b=\"c\"",
        "Content-Length: 0",
        "Transfer-Encoding: chunked",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
        "X: a\tb",
        "X:\t ",
        "X: \u{7f}",
        " folded",
        "none",
        "odd name: x",
        ": x",
        "X : y",
    ];

    const ENDINGS: [&str; 5] = ["\r\n", "\r\n", "\r\n", "\n", "\r"];

    /// What a head is, in words: of both ways of reading it, the same.
    fn told(head: (Headers, Index), rest: &str) -> String {
        let (headers, index) = head;
        let fields: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}={}", value.escape_ascii()))
            .collect();
        format!("{rest} {fields:?} {index:?}")
    }

    fn slowly(kind: Kind, limits: &Limits, wire: &[u8]) -> Option<(usize, String)> {
        let mut reader = HeadReader::new(kind, limits);
        for (at, byte) in wire.iter().enumerate() {
            if !reader.receive(&[*byte]).ok()?.1 {
                continue;
            }
            let told = match kind {
                Kind::Request => of_request(reader.take_request().ok()?),
                Kind::Response => of_response(reader.take_response().ok()?),
            };
            return Some((at + 1, told));
        }
        None
    }

    fn of_request(head: RequestHead) -> String {
        let RequestHead { headers, version, method, verb, target } = head;
        let (verb, target) = (headers.text(verb), headers.text(target));
        let rest = format!("{verb} {target} {version:?} {method:?}");
        let index = Index::of(&headers);
        told((headers, index), &rest)
    }

    fn of_response(head: ResponseHead) -> String {
        let ResponseHead { headers, status, http_1_1, reason } = head;
        let rest = format!("{status} {http_1_1} {:?}", headers.text(reason));
        let index = Index::of(&headers);
        told((headers, index), &rest)
    }

    fn at_once(kind: Kind, limits: &Limits, wire: &[u8]) -> Option<(usize, String)> {
        let mut reader = HeadReader::new(kind, limits);
        let (len, told, found, all) = match kind {
            Kind::Request => {
                let (len, head, index) = reader.take_whole_request(wire)?;
                let all = Index::of(&head.headers);
                (len, of_request(head), index, all)
            }
            Kind::Response => {
                let (len, head, index) = reader.take_whole_response(wire)?;
                let all = Index::of(&head.headers);
                (len, of_response(head), index, all)
            }
        };
        assert_eq!((found, reader.seen()), (all, len));
        Some((len, told))
    }

    /// What smuggles a field, or ends a head for some and not for others.
    #[test]
    fn what_is_odd_is_never_read_at_once() {
        let odd: [&[u8]; 14] = [
            b"X: a\r\n Transfer-Encoding: chunked\r\n",
            b"X: a\r\n\tHost: b\r\n",
            b"X: a\0b\r\n",
            b"X: a\x7fb\r\n",
            b"X: a\x01b\r\n",
            b"X : a\r\n",
            b" X: a\r\n",
            b": a\r\n",
            b"X\x80: a\r\n",
            b"X y: a\r\n",
            b"X: a\n",
            b"X: a\rb\r\n",
            b"X: a\r\r\n",
            b"X\r\n",
        ];
        for fields in odd {
            for (kind, start) in [(Kind::Request, STARTS[0]), (Kind::Response, STARTS[9])] {
                let wire = [start.as_bytes(), b"\r\n", fields, b"\r\n"].concat();
                let read = at_once(kind, &Limits::default(), &wire);
                assert_eq!(read, None, "{}", wire.escape_ascii());
            }
        }
    }

    #[test]
    fn what_is_usual_is_read_at_once() {
        let usual = [
            (Kind::Request, "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX:\r\n\r\n\u{0}"),
            (Kind::Request, "GET / HTTP/1.1\r\n\r\n"),
            (Kind::Response, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{0}"),
        ];
        for (kind, wire) in usual {
            let read = at_once(kind, &Limits::default(), wire.as_bytes());
            assert!(read.is_some(), "{wire:?}");
            assert_eq!(read, slowly(kind, &Limits::default(), wire.as_bytes()));
            for end in 0..wire.trim_end_matches('\0').len() {
                assert!(at_once(kind, &Limits::default(), &wire.as_bytes()[..end]).is_none());
            }
        }
    }

    proptest! {
        #[test]
        fn a_whole_head_is_read_as_its_bytes_one_by_one(
            (request, head, headers, header_line) in
                (any::<bool>(), 20..400_usize, 0..9_usize, 9..60_usize),
            start in prop::sample::select(&STARTS[..]),
            lines in prop::collection::vec(
                (prop::sample::select(&LINES[..]), prop::sample::select(&ENDINGS[..])),
                0..9,
            ),
            wide in any::<bool>(),
        ) {
            let limits = match wide {
                true => Limits::default(),
                false => Limits { head, headers, header_line, ..Limits::default() },
            };
            let kind = if request { Kind::Request } else { Kind::Response };
            let lines: String = lines.iter().flat_map(|(line, end)| [*line, *end]).collect();
            let wire = format!("{start}\r\n{lines}\r\nbehind it");
            if let Some(read) = at_once(kind, &limits, wire.as_bytes()) {
                prop_assert_eq!(Some(read), slowly(kind, &limits, wire.as_bytes()), "{:?}", wire);
            }
        }

        /// What differs in a byte or two from a sound head comes near to every rule.
        #[test]
        fn a_damaged_head_is_read_as_its_bytes_one_by_one(
            (request, lines) in
                (any::<bool>(), prop::collection::vec(prop::sample::select(&LINES[..16]), 0..6)),
            damage in prop::collection::vec((any::<u8>(), any::<usize>(), any::<usize>()), 0..3),
            (head, headers, line) in (0..5_usize, 0..3_usize, 0..5_usize),
        ) {
            const ODD: [u8; 14] = *b"\0\t\n\x0b\r :\"\x1f\x7f\x80\xffa,";
            let (kind, start) = match request {
                true => (Kind::Request, STARTS[1]),
                false => (Kind::Response, STARTS[9]),
            };
            let mut wire: Vec<u8> = start.bytes().chain(*b"\r\n").collect();
            for line in &lines {
                wire.extend(line.bytes().chain(*b"\r\n"));
            }
            wire.extend(*b"\r\n");
            // Limits that this head just keeps, or just does not.
            let longest = lines.iter().map(|line| line.len()).chain([start.len()]).max();
            let limits = Limits {
                head: (wire.len() + head).saturating_sub(2),
                headers: (lines.len() + headers).saturating_sub(1),
                header_line: (longest.unwrap_or_default() + line).saturating_sub(2),
                ..Limits::default()
            };
            wire.extend(*b"behind");
            for (how, at, odd) in damage {
                let (at, odd) = (at % wire.len(), ODD[odd % ODD.len()]);
                match how % 4 {
                    0 => wire[at] = odd,
                    1 => wire.insert(at, odd),
                    2 => drop(wire.remove(at)),
                    _ => wire.splice(at..at, *b"\r\n ").for_each(drop),
                }
            }
            if let Some(read) = at_once(kind, &limits, &wire) {
                let wire_shown = wire.escape_ascii();
                prop_assert_eq!(Some(read), slowly(kind, &limits, &wire), "{}", wire_shown);
            }
        }

        #[test]
        fn a_head_of_sound_lines_is_read_at_once_within_its_limits(
            (head, headers, header_line) in (20..300_usize, 0..6_usize, 9..50_usize),
            lines in prop::collection::vec(prop::sample::select(&LINES[..14]), 0..6),
        ) {
            let limits = Limits { head, headers, header_line, ..Limits::default() };
            for (kind, start) in [(Kind::Request, STARTS[1]), (Kind::Response, STARTS[9])] {
                let lines: String = lines.iter().flat_map(|line| [*line, "\r\n"]).collect();
                let wire = format!("{start}\r\n{lines}\r\n");
                prop_assert_eq!(
                    at_once(kind, &limits, wire.as_bytes()),
                    slowly(kind, &limits, wire.as_bytes())
                );
            }
        }
    }
}
