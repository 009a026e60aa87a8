//! Opening streams without waiting.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    path::Path,
};

use mio::net::TcpStream;

use crate::{
    address::Address,
    error::TransportError,
    memory,
    poller::sealed,
    readiness::{Interest, Ready, registered_already},
    resolve::Lookup,
    socket::{Kind, Socket},
    stream::Stream,
};

/// How many of a host's addresses of one family are tried.
const ATTEMPTS_MAX: usize = 8;

/// Begins to connect. Never waits: the outcome, also a failure, comes from [`Dial::finish`].
///
/// Everything but a host name connects at once. A name is looked up on a short-lived thread; then its IPv6 and IPv4
/// addresses are tried side by side, one of each at a time, and the first that answers is taken.
pub fn dial(address: &Address) -> Dial {
    let state = match address {
        Address::Tcp { host, port } => dial_tcp(address, host, *port),
        Address::Unix(path) => dial_unix(address, path),
        Address::Memory(name) => memory::connect(name)
            .map(|end| Stream::from_pipe(end, address.to_string()))
            .map_or_else(|error| State::Failed(unreachable(address, &error)), State::Connected),
    };
    Dial { address: address.clone(), state, interest: None }
}

/// A connection in the making.
///
/// [`register`](crate::Poller::register) it: the poller reports `writable` whenever it may have got further, and
/// then [`finish`](Self::finish) tells. It keeps no time: drop it when the answer takes too long.
#[derive(Debug)]
#[must_use = "dropping a dial gives it up"]
pub struct Dial {
    address: Address,
    state: State,
    interest: Option<Interest>,
}

/// What [`Dial::finish`] found.
#[derive(Debug)]
pub enum Progress {
    /// The stream, registered under the dial's key if the dial was. What is ready on it is reported anew.
    Connected(Stream),
    /// Not known yet: keep the dial and try again when the poller reports it.
    Pending(Dial),
}

#[derive(Debug)]
enum State {
    LookingUp(Lookup),
    Connecting(Race),
    Connected(Stream),
    Failed(TransportError),
}

impl Dial {
    /// How far the dial has got.
    ///
    /// # Errors
    /// `UNREACHABLE`: nobody answers there; the text gives the reason of each attempt. `ADDRESS`: nobody ever will.
    /// `IO`: the system refuses a thread, or to watch the stream.
    pub fn finish(mut self) -> Result<Progress, TransportError> {
        let race = match self.state {
            State::Connected(mut stream) => {
                if let Some(interest) = self.interest {
                    sealed::Source::attach(&mut stream, interest).map_err(|error| TransportError::io("register", &self.address, error))?;
                }
                return Ok(Progress::Connected(stream));
            }
            State::Failed(error) => return Err(error),
            State::LookingUp(lookup) => match lookup.take() {
                None => return Ok(Progress::Pending(Self { state: State::LookingUp(lookup), ..self })),
                Some(Err(error)) => {
                    return Err(TransportError::unreachable(&self.address, format!("the host is unknown ({error})")));
                }
                Some(Ok(found)) => Race::start(found, self.interest.as_ref()),
            },
            State::Connecting(race) => race,
        };
        match race.run(self.interest.as_ref()) {
            Outcome::Won(socket, peer) => {
                let socket = socket.established().map_err(|error| TransportError::io("register", &self.address, error))?;
                Ok(Progress::Connected(Stream::from_socket(socket, Address::from(peer).to_string())))
            }
            Outcome::Open(race) => {
                self.state = State::Connecting(race);
                Ok(Progress::Pending(self))
            }
            Outcome::Lost(reason) => Err(TransportError::unreachable(&self.address, reason)),
        }
    }

    /// The address that was dialled.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl sealed::Source for Dial {
    fn attach(&mut self, interest: Interest) -> io::Result<()> {
        if self.interest.is_some() {
            return Err(registered_already());
        }
        match &mut self.state {
            State::LookingUp(lookup) => lookup.attach(interest.clone())?,
            State::Connecting(race) => race.each_socket(|socket| socket.attach(interest.clone()))?,
            State::Connected(_) | State::Failed(_) => interest.announce(Ready::writable(interest.key)),
        }
        self.interest = Some(interest);
        Ok(())
    }

    fn detach(&mut self) -> io::Result<()> {
        let interest = self.interest.take().ok_or(ErrorKind::NotFound)?;
        interest.forget();
        match &mut self.state {
            State::LookingUp(lookup) => lookup.detach(),
            State::Connecting(race) => race.each_socket(Socket::detach)?,
            State::Connected(_) | State::Failed(_) => {}
        }
        Ok(())
    }

    fn name(&self) -> impl fmt::Display {
        &self.address
    }
}

fn dial_tcp(address: &Address, host: &str, port: u16) -> State {
    if let Ok(ip) = host.parse::<IpAddr>() {
        // What fails here and now has no socket that could report it.
        return match Race::start(vec![SocketAddr::new(ip, port)], None) {
            race if race.is_open() => State::Connecting(race),
            race => State::Failed(TransportError::unreachable(address, race.verdict())),
        };
    }
    match Lookup::start(host, port) {
        Ok(lookup) => State::LookingUp(lookup),
        Err(error) => State::Failed(TransportError::io("start a thread to look up the host", address, error)),
    }
}

#[cfg(unix)]
fn dial_unix(address: &Address, path: &Path) -> State {
    if let Err(error) = crate::unix_socket::check_path(path) {
        return State::Failed(TransportError::address(address, error.to_string()));
    }
    match mio::net::UnixStream::connect(path) {
        Ok(stream) => State::Connected(Stream::from_socket(Socket::connected(Kind::Unix(stream)), address.to_string())),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            State::Failed(TransportError::unreachable(address, "too many wait to be accepted"))
        }
        Err(error) => State::Failed(unreachable(address, &error)),
    }
}

#[cfg(not(unix))]
fn dial_unix(address: &Address, _path: &Path) -> State {
    State::Failed(TransportError::address(address, "this system has no unix sockets; use a tcp: address"))
}

fn unreachable(address: &Address, error: &io::Error) -> TransportError {
    TransportError::unreachable(address, error.to_string())
}

/// The attempts at the addresses of one host: a lane for each family, in each one attempt at a time. So a machine with
/// one broken family still connects by the other, with no timer.
#[derive(Debug, Default)]
struct Race {
    lanes: Vec<Lane>,
    /// What became of the attempts that failed.
    reasons: Vec<String>,
}

#[derive(Debug)]
struct Lane {
    attempt: Option<(Socket, SocketAddr)>,
    rest: VecDeque<SocketAddr>,
}

enum Outcome {
    Won(Socket, SocketAddr),
    Open(Race),
    Lost(String),
}

impl Race {
    fn start(addresses: Vec<SocketAddr>, interest: Option<&Interest>) -> Self {
        let (six, four): (VecDeque<_>, VecDeque<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
        let mut race = Self::default();
        for mut rest in [six, four] {
            rest.truncate(ATTEMPTS_MAX);
            let mut lane = Lane { attempt: None, rest };
            lane.go_on(interest, &mut race.reasons);
            race.lanes.push(lane);
        }
        race
    }

    /// Looks at each attempt and begins the next one where one has failed.
    fn run(mut self, interest: Option<&Interest>) -> Outcome {
        for lane in &mut self.lanes {
            while let Some((socket, target)) = lane.attempt.take() {
                match socket.is_connected() {
                    Ok(true) => return Outcome::Won(socket, target),
                    Ok(false) => {
                        lane.attempt = Some((socket, target));
                        break;
                    }
                    Err(error) => self.reasons.push(format!("{target}: {error}")),
                }
                lane.go_on(interest, &mut self.reasons);
            }
        }
        if self.is_open() { Outcome::Open(self) } else { Outcome::Lost(self.verdict()) }
    }

    fn is_open(&self) -> bool {
        self.lanes.iter().any(|lane| lane.attempt.is_some())
    }

    /// Why nobody was reached.
    fn verdict(&self) -> String {
        if self.reasons.is_empty() { "the host has no address".to_owned() } else { self.reasons.join("; ") }
    }

    fn each_socket(&mut self, mut act: impl FnMut(&mut Socket) -> io::Result<()>) -> io::Result<()> {
        self.lanes.iter_mut().filter_map(|lane| lane.attempt.as_mut()).try_for_each(|(socket, _)| act(socket))
    }
}

impl Lane {
    /// Begins the next attempt that the system does not refuse at once.
    fn go_on(&mut self, interest: Option<&Interest>, reasons: &mut Vec<String>) {
        while let Some(target) = self.rest.pop_front() {
            match attempt(target, interest) {
                Ok(socket) => {
                    self.attempt = Some((socket, target));
                    return;
                }
                Err(error) => reasons.push(format!("{target}: {error}")),
            }
        }
    }
}

fn attempt(target: SocketAddr, interest: Option<&Interest>) -> io::Result<Socket> {
    let mut socket = Socket::connecting(Kind::Tcp(TcpStream::connect(target)?));
    interest.map_or(Ok(()), |interest| socket.attach(interest.clone()))?;
    Ok(socket)
}
