//! Those who connect to this engine: a hello is read behind the gate, answered if its sender is expected, and met with silence if not.

use crate::io::host::EngineHost;
use crate::observe::Wakes;
use crate::shared::{Counters, Shared};
use crate::time;
use spook_protocol::error::Code;
use spook_protocol::etcp::{Authorised, HelloKind, PublicKeys, ReceivedHello, Refusal, Welcome, handshake, receive_hello};
use spook_protocol::link::records::{Inbox, put_hello_length};
use spook_protocol::link::{Connection, Directions, Meeting, Options, Resume, Verdict};
use spook_protocol::registry::PeerIndex;
use spook_protocol::wire::Reader;
use spook_transport::Stream;
use std::io::ErrorKind;

/// The protocol versions that this engine speaks.
pub(crate) const VERSIONS: (u16, u16) = (1, 1);

/// Somebody who connected and has not proved to be a peer yet.
pub(crate) struct Accepting {
    stream: Stream,
    inbox: Inbox,
    answered: Option<Box<Provisional>>,
}

/// A hello that was answered. Its sender may be a recording; the first message tells.
struct Provisional {
    connection: Connection,
    newcomer: Newcomer,
}

/// A peer whose link is about to come up.
pub(crate) struct Newcomer {
    pub(crate) keys: PublicKeys,
    pub(crate) addresses: Vec<String>,
    pub(crate) theirs: Resume,
    /// What the link is called in both ledgers.
    pub(crate) meeting: Meeting,
    /// The timestamp of its hello, if it was the one to dial.
    pub(crate) heard_hello: u64,
}

/// How far somebody got.
pub(crate) enum Step {
    Waits(Accepting),
    Up(Box<(Connection, Stream, Newcomer)>),
    Gone,
    /// Its sender knows of links that this ledger does not: the ledger is a copy.
    LedgerIsOld,
}

/// What came of a hello.
enum Answered {
    Welcome(Box<Provisional>),
    /// Silence, or a refusal that was sent already.
    Nothing,
    LedgerIsOld,
}

impl Accepting {
    pub(crate) fn new(stream: Stream) -> Accepting {
        Accepting { stream, inbox: Inbox::default(), answered: None }
    }

    /// Reads what came. Whatever is wrong with it, the answer is silence; `may_answer` says whether an endpoint may be answered at all.
    pub(crate) fn receive(mut self, shared: &Shared, buffer: &mut Vec<u8>, may_answer: impl Fn(&ReceivedHello) -> bool) -> Step {
        // A hello and a first message are small: who sends more than this without proving anything is no peer.
        buffer.resize(handshake::MAX_MESSAGE_1 + 2, 0);
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Step::Gone,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::Waits(self),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Step::Gone,
            };
            Counters::add(&shared.traffic.bytes_received, count as u64);
            match &mut self.answered {
                None => {
                    self.inbox.push(&buffer[..count]);
                    match self.inbox.hello(handshake::MAX_MESSAGE_1) {
                        Err(_) => return Step::Gone,
                        Ok(None) => {}
                        Ok(Some(hello)) => {
                            let received = receive_hello(&shared.identity, hello);
                            let Some(received) = received.ok().filter(|received| may_answer(received)) else { return Step::Gone };
                            match answer(shared, received, &self.stream) {
                                Answered::Welcome(provisional) => self.answered = Some(provisional),
                                Answered::Nothing => return Step::Gone,
                                Answered::LedgerIsOld => return Step::LedgerIsOld,
                            }
                        }
                    }
                }
                Some(provisional) => match provisional.connection.prove(&buffer[..count], shared.time.now_us()) {
                    Err(_) => return Step::Gone,
                    Ok(false) => {}
                    Ok(true) => {
                        let Accepting { stream, answered, .. } = self;
                        let Some(provisional) = answered else { return Step::Gone };
                        let Provisional { connection, newcomer } = *provisional;
                        return Step::Up(Box::new((connection, stream, newcomer)));
                    }
                },
            }
        }
    }
}

/// Answers a hello whose sender is expected.
fn answer(shared: &Shared, received: ReceivedHello, stream: &Stream) -> Answered {
    let common = received.common_version(VERSIONS.0, VERSIONS.1);
    let peer = shared.registry().find_peer(received.endpoint_id());
    let Some((authorised, verdict)) = authorise(shared, received, peer) else { return Answered::Nothing };
    if let Some(peer) = peer {
        shared.contacts().heard(peer, authorised.hello().timestamp_ms, shared.time.now_ms());
        shared.notify_ledger();
    }
    let Ok(version) = verdict.and(common.ok_or(Refusal::Version)) else {
        refuse(shared, authorised, verdict.err().unwrap_or(Refusal::Version), stream);
        return Answered::Nothing;
    };
    let Ok(theirs) = Resume::read(&mut Reader::new(&authorised.hello().body)) else { return Answered::Nothing };
    let verdict = peer.map_or(Verdict::Fine, |peer| shared.registry().judge(peer, &theirs));
    match verdict {
        Verdict::Fine => welcome(shared, authorised, peer, &theirs, version, stream).map_or(Answered::Nothing, Answered::Welcome),
        Verdict::TheirsIsOld => {
            refuse(shared, authorised, Refusal::LedgerIsOld, stream);
            Answered::Nothing
        }
        Verdict::MineIsOld => {
            refuse(shared, authorised, Refusal::Renewing, stream);
            Answered::LedgerIsOld
        }
        Verdict::Unclear => {
            refuse(shared, authorised, Refusal::LedgerIsOld, stream);
            Answered::LedgerIsOld
        }
    }
}

/// Whether the sender is known or holds a ticket; a ticket that it may not use is told so.
fn authorise(shared: &Shared, received: ReceivedHello, peer: Option<PeerIndex>) -> Option<(Authorised, Result<(), Refusal>)> {
    let last = peer.and_then(|peer| shared.contacts().get(peer).map(|contact| contact.heard_hello)).unwrap_or(0);
    if received.kind() == HelloKind::Known {
        let keys = shared.contacts().get(peer?)?.keys;
        return Some((received.authorise_known(&keys, last).ok()?, Ok(())));
    }
    let (ticket, sender) = (received.ticket_id()?, received.endpoint_id());
    let (secret, verdict) = {
        let forming = shared.forming();
        let verdict = forming.check(ticket, sender, shared.time.now_ms()).map(drop);
        (forming.issued(ticket)?.secret.clone(), verdict)
    };
    let verdict = verdict.map_err(|code| if code == Code::TicketExpired { Refusal::TicketExpired } else { Refusal::TicketUsed });
    Some((received.authorise_ticket(&secret, last).ok()?, verdict))
}

fn welcome(
    shared: &Shared,
    authorised: Authorised,
    peer: Option<PeerIndex>,
    theirs: &Resume,
    version: u16,
    stream: &Stream,
) -> Option<Box<Provisional>> {
    let keys = *authorised.initiator();
    let (claimed, heard_hello) = (authorised.hello().addresses.clone(), authorised.hello().timestamp_ms);
    let (mine, start) = {
        let registry = shared.registry();
        let mine = peer.map_or_else(|| registry.resume_of_stranger(), |peer| registry.resume_for(peer, theirs));
        let of_stranger = || mine.start(registry.me(), keys.endpoint_id(), theirs, 0);
        (mine, peer.map_or_else(of_stranger, |peer| registry.start(peer, &mine, theirs)))
    };
    let now = shared.time.now_us();
    let mut directions = Directions::new(&start, &mine, theirs);
    let mut body = Vec::new();
    mine.put(&mut body);
    if let Some(peer) = peer {
        body.extend(directions.first_frames(&mut EngineHost { shared, peer, link: None, wakes: Wakes::default() }));
    }
    let addresses = own_addresses(shared);
    let (message, channel, _proof) = authorised.welcome(&Welcome { version, addresses, body }, time::seed()).ok()?;
    let meeting = mine.met.next(&theirs.met, channel.handshake_hash());
    if let Some(peer) = peer {
        // Durable before the answer goes: whoever has got it shows this meeting next time.
        shared.registry().offer_meeting(peer, theirs, meeting);
        shared.contacts().touch(peer);
        shared.flush_ledger().ok()?;
    }
    send(shared, stream, &message)?;
    Counters::add(&shared.traffic.handshakes, 1);
    let newcomer = Newcomer { keys, addresses: claimed, theirs: *theirs, meeting, heard_hello };
    Some(Box::new(Provisional { connection: directions.connect(channel, now, link_options(shared)), newcomer }))
}

fn refuse(shared: &Shared, authorised: Authorised, reason: Refusal, stream: &Stream) {
    if let Ok(message) = authorised.refuse(reason, time::seed()) {
        send(shared, stream, &message);
    }
}

/// Writes a message of the handshake. It fits into the buffer of a socket that nothing was written to before.
fn send(shared: &Shared, stream: &Stream, message: &[u8]) -> Option<()> {
    let mut bytes = Vec::with_capacity(message.len() + 2);
    put_hello_length(&mut bytes, message.len());
    bytes.extend_from_slice(message);
    let written = stream.write(&bytes).ok()?;
    Counters::add(&shared.traffic.bytes_sent, written as u64);
    (written == bytes.len()).then_some(())
}

/// The addresses to tell peers, as many as a hello takes.
pub(crate) fn own_addresses(shared: &Shared) -> Vec<String> {
    let addresses = shared.io.get().map(|io| io.addresses()).unwrap_or_default();
    let fits = |address: &&String| address.len() <= spook_protocol::etcp::MAX_ADDRESS_LEN;
    addresses.iter().filter(fits).take(spook_protocol::etcp::MAX_ADDRESSES).cloned().collect()
}

pub(crate) fn link_options(shared: &Shared) -> Options {
    let silence = shared.options.heartbeat_timeout.map(|timeout| timeout.as_micros() as u64);
    Options { silence: silence.unwrap_or(Options::default().silence), ..Options::default() }
}
