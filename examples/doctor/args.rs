//! The command line.

use std::time::Duration;

use farewell::handshake::ClientRequest;

/// What the command line asks for.
pub(crate) enum Task {
    Help,
    SelfTest,
    Visit(Box<Options>),
}

/// Where to connect to, and how.
pub(crate) struct Options {
    pub(crate) url: String,
    pub(crate) request: ClientRequest,
    /// `None` sends no Pings.
    pub(crate) heartbeat: Option<Duration>,
}

type Refused = Box<dyn std::error::Error>;

/// An option that belongs to the request, and its value.
type Field = (&'static str, String);

pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Task, Refused> {
    let mut args = args.peekable();
    let (mut url, mut fields, mut heartbeat) = (None, Vec::new(), None);
    let nothing = args.peek().is_none();
    while let Some(arg) = args.next() {
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (arg.as_str(), None),
        };
        let mut value = || {
            let value = inline.clone().or_else(|| args.next());
            value.ok_or_else(|| format!("{name} needs a value"))
        };
        match name {
            "--help" | "-h" => return Ok(Task::Help),
            "--heartbeat" => heartbeat = Some(seconds(&value()?)?),
            "--header" => fields.push(("--header", value()?)),
            "--subprotocol" => fields.push(("--subprotocol", value()?)),
            "--origin" => fields.push(("--origin", value()?)),
            _ if name.starts_with('-') => return Err(format!("no option {name}").into()),
            _ if url.is_some() => return Err("one URL at a time".into()),
            _ => url = Some(arg),
        }
    }
    match url {
        None if nothing => Ok(Task::SelfTest),
        None => Err("the options need a URL to connect to".into()),
        Some(url) => {
            let request = request(&url, &fields)?;
            let heartbeat = heartbeat.unwrap_or(Duration::from_secs(10));
            let heartbeat = Some(heartbeat).filter(|span| !span.is_zero());
            Ok(Task::Visit(Box::new(Options { url, request, heartbeat })))
        }
    }
}

fn seconds(value: &str) -> Result<Duration, Refused> {
    let seconds = value.parse().map_err(|_| format!("\"{value}\" is not a number of seconds"))?;
    let span = Duration::try_from_secs_f64(seconds);
    Ok(span.map_err(|_| format!("\"{value}\" is not a number of seconds that can be waited"))?)
}

fn request(url: &str, fields: &[Field]) -> Result<ClientRequest, Refused> {
    let mut request = ClientRequest::new(url).map_err(|error| format!("{url}: {error}"))?;
    if request.secure() {
        return Err("wss:// needs TLS, which this example does not bring: give it the ws:// \
                    address behind the TLS proxy, or a tunnel to it"
            .into());
    }
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
        request = built.map_err(|error| format!("{option} {value}: {error}"))?;
    }
    Ok(request)
}
