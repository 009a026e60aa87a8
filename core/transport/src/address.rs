//! Where to listen and where to dial, as one word of text.

use std::{fmt, path::PathBuf, str::FromStr};

use crate::error::TransportError;

/// A name of DNS has at most 253 characters; an IPv6 literal with its zone is shorter.
const HOST_MAX: usize = 253;

/// An address of a [`Listener`](crate::Listener) or of a peer to [`dial`](crate::dial).
///
/// As text it is `unix:PATH`, `tcp:HOST:PORT` (an IPv6 address in brackets) or `mem:NAME`; `parse` and `Display` are
/// each other's inverse for every address whose path is UTF-8.
///
/// ```
/// use spook_transport::Address;
///
/// let address: Address = "tcp:[::1]:7000".parse()?;
/// assert_eq!(address, Address::Tcp { host: "::1".to_owned(), port: 7000 });
/// assert_eq!(address.to_string(), "tcp:[::1]:7000");
/// # Ok::<(), spook_transport::TransportError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A socket file, on systems that have unix sockets.
    Unix(PathBuf),
    /// A TCP port.
    Tcp {
        /// An IP address (IPv6 without its brackets) or a host name.
        host: String,
        /// The port; 0 to listen means one that the system chooses.
        port: u16,
    },
    /// A name inside this process.
    Memory(String),
}

impl FromStr for Address {
    type Err = TransportError;

    fn from_str(text: &str) -> Result<Self, TransportError> {
        let refuse = |reason: &str| TransportError::address(text, reason);
        if text.contains('\0') {
            return Err(refuse("an address holds no NUL character"));
        }
        match text.split_once(':') {
            Some(("unix", "")) => Err(refuse("the path is missing; write unix:PATH")),
            Some(("unix", path)) => Ok(Self::Unix(PathBuf::from(path))),
            Some(("mem", "")) => Err(refuse("the name is missing; write mem:NAME")),
            Some(("mem", name)) => Ok(Self::Memory(name.to_owned())),
            Some(("tcp", rest)) => {
                let (host, port) = split_host_port(rest).map_err(refuse)?;
                Ok(Self::Tcp { host: host.to_owned(), port })
            }
            _ => Err(refuse("not an address; write tcp:HOST:PORT, unix:PATH or mem:NAME")),
        }
    }
}

/// Splits `HOST:PORT` or `[IPV6]:PORT`.
fn split_host_port(text: &str) -> Result<(&str, u16), &'static str> {
    let (host, port) = if let Some(inner) = text.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
        if !host.contains(':') {
            return Err("brackets are for IPv6 addresses only");
        }
        (host, rest.strip_prefix(':').ok_or("the port is missing; write tcp:[IPV6]:PORT")?)
    } else {
        let (host, port) = text.rsplit_once(':').ok_or("the port is missing; write tcp:HOST:PORT")?;
        if host.contains(':') {
            return Err("write an IPv6 address in brackets: tcp:[IPV6]:PORT");
        }
        (host, port)
    };
    if host.is_empty() {
        return Err("the host is missing; write tcp:HOST:PORT, with 0.0.0.0 to listen on every interface");
    }
    if host.len() > HOST_MAX || host.contains(|c: char| c.is_whitespace() || c.is_control() || "/[]@".contains(c)) {
        return Err("the host is neither an IP address nor a host name");
    }
    // `parse` alone would take "+80" too.
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("the port is not a number from 0 to 65535");
    }
    let port = port.parse().or(Err("the port is not a number from 0 to 65535"))?;
    Ok((host, port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
            Self::Memory(name) => write!(f, "mem:{name}"),
        }
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Self {
        Self::Tcp { host: address.ip().to_string(), port: address.port() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn text_and_back() {
        for (text, address) in [
            ("tcp:127.0.0.1:0", tcp("127.0.0.1", 0)),
            ("tcp:home.example:65535", tcp("home.example", 65535)),
            ("tcp:[::1]:80", tcp("::1", 80)),
            ("tcp:[fe80::1%eth0]:80", tcp("fe80::1%eth0", 80)),
            ("unix:/run/spook/a.sock", Address::Unix("/run/spook/a.sock".into())),
            ("unix:C:\\x", Address::Unix("C:\\x".into())),
            ("mem:test:1", Address::Memory("test:1".into())),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn refusals_say_what_would_be_right() {
        for (text, hint) in [
            ("", "tcp:HOST:PORT"),
            ("localhost:80", "tcp:HOST:PORT"),
            ("http://a:1", "tcp:HOST:PORT"),
            ("TCP:a:1", "tcp:HOST:PORT"),
            ("tcp:", "port is missing"),
            ("tcp:host", "port is missing"),
            ("tcp::80", "host is missing"),
            ("tcp:::1:80", "brackets"),
            ("tcp:[::1]", "port is missing"),
            ("tcp:[::1", "not closed"),
            ("tcp:[host]:1", "IPv6 addresses only"),
            ("tcp:host:", "0 to 65535"),
            ("tcp:host:65536", "0 to 65535"),
            ("tcp:host:+1", "0 to 65535"),
            ("tcp:a b:1", "neither"),
            ("tcp:a/b:1", "neither"),
            ("unix:", "unix:PATH"),
            ("unix:/a\0b", "NUL"),
            ("mem:", "mem:NAME"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.code_name(), "ADDRESS");
            assert!(error.to_string().contains(hint), "{text:?} gave {error}");
        }
    }

    #[test]
    fn a_long_host_is_refused() {
        let text = format!("tcp:{}:1", "a".repeat(HOST_MAX + 1));
        assert!(text.parse::<Address>().is_err());
    }
}
