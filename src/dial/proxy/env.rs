//! What the environment says of proxies.

use std::env;
use std::string::String;

use super::{Bypass, Proxy, ProxyError, ProxyServer};

/// What is wrong with a variable of the environment. Its value is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyEnvError {
    /// The value makes no sense.
    #[error("in the environment's {variable}: {error}")]
    Malformed {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        error: ProxyError,
    },
    /// The value is not UTF-8.
    #[error("the environment's {variable} is not UTF-8")]
    NotUtf8 {
        /// The variable.
        variable: &'static str,
    },
}

impl Proxy {
    /// What the environment says.
    ///
    /// | Variable | For |
    /// |---|---|
    /// | `http_proxy`, `HTTP_PROXY` | `ws://` |
    /// | `https_proxy`, `HTTPS_PROXY` | `wss://` |
    /// | `all_proxy`, `ALL_PROXY` | both, where there is none of the above |
    /// | `no_proxy`, `NO_PROXY` | the servers that are reached directly: see [`bypass`](Self::bypass) |
    ///
    /// Lower case comes first; an empty value is none. `HTTP_PROXY` in capitals is left alone where
    /// `REQUEST_METHOD` is set: there, in a CGI program, a client's header field could set it.
    ///
    /// # Errors
    ///
    /// Which variable makes no sense, and why.
    pub fn from_env() -> Result<Self, ProxyEnvError> {
        Self::from_variables(|name| match env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(env::VarError::NotPresent) => Ok(None),
            Err(env::VarError::NotUnicode(_)) => Err(ProxyEnvError::NotUtf8 { variable: name }),
        })
    }

    fn from_variables(
        variable: impl Fn(&'static str) -> Result<Option<String>, ProxyEnvError>,
    ) -> Result<Self, ProxyEnvError> {
        let first = |names: [&'static str; 2]| {
            for name in names {
                // On Windows, both are one.
                let by_client = name == "HTTP_PROXY" || cfg!(windows) && name == "http_proxy";
                if by_client && variable("REQUEST_METHOD")?.is_some() {
                    continue;
                }
                if let Some(value) = variable(name)?.filter(|value| !value.trim().is_empty()) {
                    return Ok(Some((name, value)));
                }
            }
            Ok(None)
        };
        let server = |names| {
            let Some((variable, value)) = first(names)? else { return Ok(None) };
            let malformed = |error| ProxyEnvError::Malformed { variable, error };
            ProxyServer::parse(value.trim()).map(Some).map_err(malformed)
        };
        let all = server(["all_proxy", "ALL_PROXY"])?;
        let plain = server(["http_proxy", "HTTP_PROXY"])?.or_else(|| all.clone());
        let secure = server(["https_proxy", "HTTPS_PROXY"])?.or(all);
        let mut bypass = Bypass::default();
        if let Some((variable, list)) = first(["no_proxy", "NO_PROXY"])? {
            bypass.add(&list).map_err(|error| ProxyEnvError::Malformed { variable, error })?;
        }
        Ok(Self { plain, secure, bypass })
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::handshake::ClientRequest;

    fn proxy(variables: &[(&str, &str)]) -> Result<Proxy, ProxyEnvError> {
        Proxy::from_variables(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            Ok(found.map(|(_, value)| value.to_string()))
        })
    }

    #[test]
    fn each_variable_has_its_schemes() {
        let all = [("ALL_PROXY", "socks5://all")];
        let three =
            [("ALL_PROXY", "socks5://all"), ("HTTP_PROXY", "plain"), ("https_proxy", "secure")];
        let cgi = [("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "evil")];
        let lower = [("http_proxy", "lower"), ("HTTP_PROXY", "upper")];
        let empty = [("http_proxy", ""), ("HTTP_PROXY", " upper ")];
        let bypass = [("ALL_PROXY", "all"), ("NO_PROXY", "localhost,example.com")];
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>, Option<&'a str>);
        let cases: [Case<'_>; 7] = [
            (&[], None, None),
            (&all, Some("all"), Some("all")),
            (&three, Some("plain"), Some("secure")),
            (&cgi, None, None),
            (&lower, Some("lower"), None),
            (&empty, Some("upper"), None),
            (&bypass, None, None),
        ];
        for (variables, plain, secure) in cases {
            let proxy = proxy(variables).unwrap();
            for (url, expected) in [("ws://example.com/", plain), ("wss://example.com/", secure)] {
                let request = ClientRequest::new(url).unwrap();
                let host = proxy.server_for(&request).map(ProxyServer::host);
                assert_eq!(host, expected, "{url} {variables:?}");
            }
        }
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_named_and_not_shown() {
        let wrong = [("HTTPS_PROXY", "http://alice:sesame@h:x")];
        let error = proxy(&wrong).unwrap_err();
        let says = "in the environment's HTTPS_PROXY: \
                    the proxy's port is not a number from 1 to 65535";
        assert_eq!(error.to_string(), says);
        let error = proxy(&[("no_proxy", "a,10.0.0.0/99")]).unwrap_err();
        assert!(error.to_string().contains("no_proxy: entry 2 "), "{error}");
    }
}
