//! The command line.

use std::fs::File;
use std::time::Duration;

use farewell::ConnectOptions;
use farewell::dial::{Proxy, ProxyError, ProxyKind};
use farewell::handshake::ClientRequest;
use farewell::tls::{Provider, TlsClient};

use crate::endings::ENDINGS;
use crate::meant;

/// What the command line asks for.
pub(crate) enum Task {
    Help,
    SelfTest(SelfTest),
    Visit(Box<Options>),
    Probe(Box<Options>),
}

/// Which endings to bring about, and where to draw them.
pub(crate) struct SelfTest {
    /// The number of the only one, from 1.
    pub(crate) only: Option<usize>,
    pub(crate) page: Option<Page>,
}

/// Where to connect to, and how.
pub(crate) struct Options {
    /// As it may be shown.
    pub(crate) url: String,
    pub(crate) request: ClientRequest,
    /// How to get there.
    pub(crate) way: ConnectOptions,
    /// Whom to trust; nobody is asked for a `ws://` URL.
    pub(crate) tls: Option<TlsClient>,
    /// It trusts everybody.
    pub(crate) insecure: bool,
    /// `None` sends no Pings.
    pub(crate) heartbeat: Option<Duration>,
    /// For how long to stay; a visit without it stays until the end.
    pub(crate) stay: Option<Duration>,
    /// How many visits, one after the other.
    pub(crate) repeat: u32,
    /// Whether to write documents for programs, in place of text for people.
    pub(crate) json: bool,
    pub(crate) page: Option<Page>,
}

/// The file for the page: there already, so that nobody waits for a page that cannot be written.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) file: File,
}

type Refused = Box<dyn std::error::Error>;

/// An option that belongs to the request, and its value.
type Field = (&'static str, String);

/// What the arguments say, as it is.
#[derive(Default)]
struct Given {
    url: Option<String>,
    fields: Vec<Field>,
    proxy: Option<Proxy>,
    authorities: Vec<String>,
    insecure: bool,
    repeat: Option<u32>,
    json: bool,
    heartbeat: Option<Duration>,
    stay: Option<Duration>,
    timeline: Option<String>,
    only: Option<usize>,
    probe: bool,
}

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Task, Refused> {
    match read(args)? {
        None => Ok(Task::Help),
        Some(given) => decide(given),
    }
}

/// Reads the arguments; `None` where help is asked for.
fn read(mut args: impl Iterator<Item = String>) -> Result<Option<Given>, Refused> {
    let mut given = Given::default();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let flag = matches!(name, "--help" | "-h" | "--probe-idle" | "--json" | "--insecure");
        if flag && inline.is_some() {
            return Err(format!("{name} takes no value").into());
        }
        let mut value = || {
            let value = inline.clone().or_else(|| args.next());
            value.ok_or_else(|| format!("{name} needs a value"))
        };
        match name {
            "--help" | "-h" => return Ok(None),
            "--probe-idle" => given.probe = true,
            "--json" => given.json = true,
            "--insecure" => given.insecure = true,
            "--ca" => given.authorities.push(value()?),
            "--heartbeat" => given.heartbeat = Some(seconds(&value()?)?),
            "--for" => given.stay = Some(seconds(&value()?)?),
            "--timeline" => given.timeline = Some(value()?),
            "--only" => given.only = Some(number(&value()?)?),
            "--repeat" => given.repeat = Some(times(&value()?)?),
            // The URL may have a password in it.
            "--proxy" => given.proxy = Some(Proxy::new(&value()?).map_err(of_proxy)?),
            "--header" => given.fields.push(("--header", value()?)),
            "--subprotocol" => given.fields.push(("--subprotocol", value()?)),
            "--origin" => given.fields.push(("--origin", value()?)),
            _ if name.starts_with('-') => return Err(format!("no option {name}").into()),
            _ if given.url.is_some() => return Err("one URL at a time".into()),
            _ => given.url = Some(arg),
        }
    }
    Ok(Some(given))
}

/// What fits together, and what does not.
fn decide(given: Given) -> Result<Task, Refused> {
    let Some(url) = &given.url else { return without_url(given) };
    if given.only.is_some() {
        return Err("--only is for the endings that the doctor makes, without a URL".into());
    }
    if given.probe && (given.heartbeat.is_some() || given.timeline.is_some()) {
        return Err("--probe-idle chooses its heartbeats by itself, and draws no timeline".into());
    }
    if given.probe && (given.repeat.is_some() || given.json) {
        return Err("--repeat and --json are for visits, and not for --probe-idle".into());
    }
    if given.stay.is_some_and(|span| span.is_zero()) {
        return Err("--for needs more than no time".into());
    }
    let request = request(url, &given.fields)?;
    let heartbeat = given.heartbeat.unwrap_or(Duration::from_secs(10));
    let tls = tls(&request, &given)?;
    let mut way = ConnectOptions::new();
    way = given.proxy.into_iter().fold(way, ConnectOptions::proxy);
    way = tls.iter().cloned().fold(way, ConnectOptions::tls);
    let options = Box::new(Options {
        url: meant::shown(&request),
        request,
        way,
        tls,
        insecure: given.insecure,
        heartbeat: Some(heartbeat).filter(|span| !span.is_zero()),
        stay: given.stay,
        repeat: given.repeat.unwrap_or(1),
        json: given.json,
        page: given.timeline.map(page).transpose()?,
    });
    Ok(if given.probe { Task::Probe(options) } else { Task::Visit(options) })
}

fn without_url(given: Given) -> Result<Task, Refused> {
    let visits = given.heartbeat.is_some() || given.stay.is_some() || given.repeat.is_some();
    let asks = !given.fields.is_empty() || given.proxy.is_some() || given.insecure;
    if visits || asks || given.json || given.probe || !given.authorities.is_empty() {
        return Err("the options need a URL to connect to".into());
    }
    let page = given.timeline.map(page).transpose()?;
    Ok(Task::SelfTest(SelfTest { only: given.only, page }))
}

/// The settings of TLS that a `wss://` URL needs, or an `https://` proxy.
fn tls(request: &ClientRequest, given: &Given) -> Result<Option<TlsClient>, Refused> {
    let proxy = given.proxy.as_ref().and_then(|proxy| proxy.server_for(request));
    let to_proxy = proxy.is_some_and(|proxy| proxy.kind() == ProxyKind::Https);
    if !request.secure() && !to_proxy {
        let asked = !given.authorities.is_empty() || given.insecure;
        let refused = "--ca and --insecure are for wss:// URLs: ws:// is not encrypted at all";
        return if asked { Err(refused.into()) } else { Ok(None) };
    }
    let mut builder = TlsClient::builder().provider(Provider::Ring);
    for path in &given.authorities {
        let of_file = |error: &dyn std::fmt::Display| format!("--ca {path}: {error}");
        let pem = std::fs::read(path).map_err(|error| of_file(&error))?;
        builder = builder.ca_pem(pem).map_err(|error| of_file(&error))?;
    }
    if given.insecure {
        builder = builder.dangerous_without_verification();
    }
    let tls = builder.build().map_err(|error| format!("TLS: {error}"))?;
    if !request.secure() {
        return Ok(Some(tls));
    }
    tls.layer(request.host()).map_err(|error| format!("{}: {error}", meant::shown(request)))?;
    Ok(Some(tls))
}

fn page(path: String) -> Result<Page, Refused> {
    let file = File::create(&path).map_err(|error| format!("--timeline {path}: {error}"))?;
    Ok(Page { path, file })
}

fn seconds(value: &str) -> Result<Duration, Refused> {
    let seconds = value.parse().map_err(|_| format!("\"{value}\" is not a number of seconds"))?;
    let span = Duration::try_from_secs_f64(seconds);
    Ok(span.map_err(|_| format!("\"{value}\" is not a number of seconds that can be waited"))?)
}

fn number(value: &str) -> Result<usize, Refused> {
    let number = value.parse().ok().filter(|number| (1..=ENDINGS.len()).contains(number));
    Ok(number.ok_or_else(|| format!("\"{value}\" is no ending: 1 to {}", ENDINGS.len()))?)
}

fn times(value: &str) -> Result<u32, Refused> {
    let times = value.parse().ok().filter(|times| *times > 0);
    Ok(times.ok_or_else(|| format!("\"{value}\" is not a number of visits"))?)
}

fn of_proxy(error: ProxyError) -> String {
    format!("--proxy: {error}")
}

fn request(url: &str, fields: &[Field]) -> Result<ClientRequest, Refused> {
    let mut request = meant::request(url)?;
    for (option, value) in fields {
        let built = match *option {
            "--subprotocol" => request.subprotocol(value),
            "--origin" => request.origin(value),
            _ => {
                let (name, value) =
                    value.split_once(':').ok_or("a header field looks like 'Name: value'")?;
                request.header(name.trim(), value.trim())
            }
        };
        request = built.map_err(|error| format!("{option} {}: {error}", name(value)))?;
    }
    Ok(request)
}

/// Of a header field only its name, since its value may be a secret.
fn name(value: &str) -> &str {
    value.split_once(':').map_or(value, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Task, String> {
        parse(line.split_whitespace().map(String::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (line, why) in [
            ("--nonsense", "no option"),
            ("ws://a/ ws://b/", "one URL"),
            ("http://a/", "did you mean ws://a/?"),
            ("a:9001", "did you mean ws://a:9001?"),
            ("ws://a/ --insecure", "for wss:// URLs"),
            ("ws://a/ --ca Cargo.toml", "for wss:// URLs"),
            ("wss://a/ --ca /nowhere.pem", "--ca /nowhere.pem: "),
            ("wss://a/ --ca Cargo.toml", "--ca Cargo.toml: "),
            ("ws://a/ --insecure --proxy http://b", "for wss:// URLs"),
            ("wss://-a-/", "DNS name"),
            ("--insecure", "need a URL"),
            ("--ca a", "need a URL"),
            ("--heartbeat 3", "need a URL"),
            ("--probe-idle", "need a URL"),
            ("--for 3", "need a URL"),
            ("--json", "need a URL"),
            ("--repeat 3", "need a URL"),
            ("--proxy a:1", "need a URL"),
            ("ws://a/ --repeat 0", "number of visits"),
            ("ws://a/ --proxy ftp://u:secret@a/", "--proxy: "),
            ("ws://a/ --proxy http://u:secret@a:b/", "port"),
            ("--probe-idle --json ws://a/", "for visits"),
            ("--json=yes ws://a/", "no value"),
            ("ws://a/ --heartbeat", "needs a value"),
            ("ws://a/ --heartbeat soon", "number of seconds"),
            ("ws://a/ --heartbeat -1", "waited"),
            ("ws://a/ --for 0", "more than no time"),
            ("ws://a/ --header colon", "looks like"),
            ("ws://a/ --header Host:secret:secret", "--header Host"),
            ("ws://a/ --only 1", "without a URL"),
            ("--only 0", "no ending"),
            ("--only 1000", "no ending"),
            ("--probe-idle=yes ws://a/", "no value"),
            ("--probe-idle --heartbeat 1 ws://a/", "by itself"),
            ("--timeline /nowhere/at/all.html", "/nowhere"),
        ] {
            let Err(error) = parsed(line) else { panic!("{line}") };
            assert!(error.contains(why), "{line}: {error}");
            assert!(!error.contains("secret"), "{line}: {error}");
        }
    }

    #[test]
    fn what_makes_sense_is_understood() {
        assert!(matches!(parsed(""), Ok(Task::SelfTest(SelfTest { only: None, page: None }))));
        assert!(matches!(parsed("--only 3"), Ok(Task::SelfTest(SelfTest { only: Some(3), .. }))));
        assert!(matches!(parsed("-h"), Ok(Task::Help)));
        let Ok(Task::Probe(options)) = parsed("--for=2.5 --probe-idle ws://a/") else { panic!() };
        assert_eq!(options.stay, Some(Duration::from_millis(2500)));
        let Ok(Task::Visit(options)) = parsed("ws://a/ --heartbeat 0") else { panic!() };
        assert_eq!((options.heartbeat, &*options.url), (None, "ws://a/"));
        assert_eq!((options.repeat, options.json), (1, false));
        let Ok(Task::Visit(options)) = parsed("wss://a/ --insecure") else { panic!() };
        assert!(options.tls.is_some());
        let line = "ws://u:p@a:9001 --json --repeat 3 --proxy socks5://u:p@b:1080";
        let Ok(Task::Visit(options)) = parsed(line) else { panic!() };
        assert_eq!((&*options.url, options.repeat, options.json), ("ws://a:9001/", 3, true));
    }
}
