//! Heads of HTTP/1.1 in the types of the `http` crate, so that one table of wires drives both ways in.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, request, response};

/// A request as an HTTP server would hand it over; none for a wire that it would not.
pub(crate) fn request(wire: &str) -> Option<request::Parts> {
    let (first, fields) = lines(wire)?;
    let [method, target, version] = first.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.method = Method::from_bytes(method.as_bytes()).ok()?;
    // Those types drop a fragment.
    parts.uri = target.parse::<Uri>().ok().filter(|_| !target.contains('#'))?;
    parts.version = version_of(version)?;
    parts.headers = fields;
    Some(parts)
}

/// A response as an HTTP client would hand it over; none for a wire that it would not.
pub(crate) fn response(wire: &str) -> Option<response::Parts> {
    let (first, fields) = lines(wire)?;
    let mut words = first.splitn(3, ' ');
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.version = version_of(words.next()?)?;
    parts.status = words.next().filter(|status| status.len() == 3)?.parse().ok()?;
    parts.headers = fields;
    match parts.status.as_u16() {
        100 | 103 => response(wire.split_once("\r\n\r\n")?.1),
        _ => Some(parts),
    }
}

fn version_of(text: &str) -> Option<Version> {
    match text {
        "HTTP/1.1" => Some(Version::HTTP_11),
        "HTTP/1.0" => Some(Version::HTTP_10),
        "HTTP/0.9" => Some(Version::HTTP_09),
        _ => None,
    }
}

fn lines(wire: &str) -> Option<(&str, HeaderMap)> {
    let (head, _) = wire.trim_start_matches("\r\n").split_once("\r\n\r\n")?;
    // A line ends in both, and a few empty ones are passed over.
    if wire.starts_with(&"\r\n".repeat(5)) || head.replace("\r\n", "").contains(['\r', '\n']) {
        return None;
    }
    let mut lines = head.split("\r\n");
    let first = lines.next()?;
    let mut fields = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        fields.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some((first, fields))
}

/// The fields of a head that was written as bytes, without these.
pub(crate) fn fields_of(wire: &str, without: &[&str]) -> Vec<(String, String)> {
    let (_, fields) = lines(wire).expect(wire);
    shown(&fields, without)
}

/// Fields in the order of their names, without these.
pub(crate) fn shown(fields: &HeaderMap, without: &[&str]) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.as_bytes().trim_ascii().escape_ascii().to_string();
    let all = fields.iter().map(|(name, value)| (name.to_string(), text(value)));
    let mut shown: Vec<_> = all.filter(|(name, _)| !without.contains(&name.as_str())).collect();
    // The values of one name stay in their order.
    shown.sort_by(|one, other| one.0.cmp(&other.0));
    shown
}
