use super::*;
use crate::etcp::identity::Identity;
use proptest::prelude::*;

fn ticket() -> Ticket {
    Ticket {
        pair: PairId::generate([1; 32]),
        issuer: *Identity::generate([2; 32]).public(),
        addresses: vec!["tcp:192.0.2.1:7766".into(), "unix:/run/spook.sock".into()],
        secret: TicketSecret::generate([3; 32]),
        expires_unix_s: 1_800_000_000,
    }
}

/// A text with a correct checksum around `content`.
fn text_of(content: &[u8]) -> String {
    let bytes = [content, &checksum(content)].concat();
    format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes)).to_lowercase()
}

fn content_of(ticket: &Ticket) -> Vec<u8> {
    let text = ticket.to_string().to_uppercase();
    let mut bytes = BASE32_NOPAD.decode(&text.as_bytes()[PREFIX.len()..]).unwrap();
    bytes.truncate(bytes.len() - CHECKSUM_LEN);
    bytes
}

#[test]
fn text_and_back() {
    let text = ticket().to_string();
    assert!(text.starts_with("spook1"));
    assert!(text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    assert_eq!(text.parse(), Ok(ticket()));
    assert_eq!(text.to_uppercase().parse(), Ok(ticket()));
    let broken: String = text.chars().enumerate().map(|(i, c)| if i % 70 == 3 { format!("{c}\r\n ") } else { c.to_string() }).collect();
    assert_eq!(format!("\n  {broken}\t").parse(), Ok(ticket()));
}

#[test]
fn the_text_is_the_one_of_version_1() {
    // Written down: tickets that people hold must be read by every later version.
    let text = "spook1ahcpegbjjzsu2gni7r7e5v6t3kskokyygssk5jy3wd6md3jsf455csnaxe5gzsgylt54g3c34unmstnmucvpt5p5gw34cz\
         tg4at2zr5oa2nr6y52lo3mvngvekuue4gtd33l2iokovubxak446msrica5ssaaaaaabvutuqaaijhiy3qhiytsmrogaxdelrrhi\
         3tonrwcr2w42lyhixxe5lof5zxa33pnmxhg33dnor37hel";
    assert_eq!(ticket().to_string(), text);
}

#[test]
fn errors_say_what_is_wrong() {
    let text = ticket().to_string();
    let parse = |text: &str| text.parse::<Ticket>().unwrap_err();
    for other in ["", "   ", "hello", "spo", "spooks", "https://example.org", &text[1..], &"x".repeat(9000)] {
        assert_eq!(parse(other), TicketError::NotATicket, "{other:?}");
    }
    for len in 6..text.len() {
        assert_eq!(parse(&text[..len]), TicketError::CutOrMistyped, "cut at {len}");
    }
    assert_eq!(parse("spook"), TicketError::CutOrMistyped);
    assert_eq!(parse(&format!("{text}a")), TicketError::CutOrMistyped);
    assert_eq!(parse(&text.replace("spook1", "spook2")), TicketError::NewerVersion);
    let mut content = content_of(&ticket());
    content[0] = 2;
    assert_eq!(parse(&text_of(&content)), TicketError::NewerVersion);
    content[0] = 0;
    assert_eq!(parse(&text_of(&content)), TicketError::Malformed);
    assert_eq!(TicketError::NotATicket.code_name(), "TICKET_INVALID");
}

#[test]
fn fields_out_of_bounds_are_refused_with_a_correct_checksum_too() {
    let content = content_of(&Ticket { addresses: vec!["ab".into()], ..ticket() });
    assert_eq!(content.len(), 106 + 3);
    assert!(text_of(&content).parse::<Ticket>().is_ok());
    let changed = |at: usize, byte: u8| {
        let mut content = content.clone();
        content[at] = byte;
        text_of(&content).parse::<Ticket>().err()
    };
    for (at, byte) in [(105, 0), (105, 2), (105, 9), (105, 255), (106, 0), (106, 1), (106, 3), (107, b'\n'), (107, 0xff)] {
        assert_eq!(changed(at, byte), Some(TicketError::Malformed), "{byte} at {at}");
    }
    for len in 1..content.len() {
        assert_eq!(text_of(&content[..len]).parse::<Ticket>(), Err(TicketError::Malformed));
    }
    assert_eq!(text_of(&[&content[..], b"x"].concat()).parse::<Ticket>(), Err(TicketError::Malformed));
}

#[test]
fn bounds_of_what_is_written() {
    let with = |addresses| Ticket { addresses, ..ticket() };
    let largest = with(vec!["x".repeat(255); 8]);
    let text = largest.to_text().unwrap();
    assert_eq!(text.len(), 3459);
    assert_eq!(text.parse(), Ok(largest));
    assert!(with(vec![]).to_string().parse::<Ticket>().is_ok());
    for bad in [vec!["x".to_owned(); 9], vec!["x".repeat(256)], vec![String::new()], vec!["\u{1b}[2J".into()]] {
        assert_eq!(with(bad).to_text().err(), Some(TicketError::Addresses));
    }
}

#[test]
fn expiry() {
    let at = |expires_unix_s, now_ms| Ticket { expires_unix_s, ..ticket() }.is_expired(now_ms);
    assert!(!at(0, u64::MAX));
    assert!(!at(100, 99_999));
    assert!(at(100, 100_000));
}

#[test]
fn the_proof_is_bound_to_all_that_it_names() {
    let secret = TicketSecret::generate([3; 32]);
    let (a, b) = (*Identity::generate([1; 32]).public(), *Identity::generate([2; 32]).public());
    let proof = secret.proof(&a, &b, 5);
    assert_eq!(secret.proof(&a, &b, 5), proof);
    for other in
        [secret.proof(&b, &a, 5), secret.proof(&a, &a, 5), secret.proof(&a, &b, 6), TicketSecret::generate([4; 32]).proof(&a, &b, 5)]
    {
        assert_ne!(other, proof);
    }
}

#[test]
fn debug_shows_no_secret() {
    let ticket = ticket();
    let shown = format!("{ticket:?} {:?}", ticket.secret);
    let hex: String = ticket.secret.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", ticket.secret.as_bytes());
    assert!(!shown.contains(&hex) && !shown.contains(&list));
    assert!(shown.contains("tcp:192.0.2.1:7766") && shown.ends_with("TicketSecret(..)"));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in ".{0,300}") {
        let _ = text.parse::<Ticket>();
        let prefixed = format!("spook1{text}").parse::<Ticket>();
        prop_assert!(prefixed.is_err());
    }

    /// Arbitrary content behind a correct checksum: either refused, or it is exactly what its ticket writes.
    #[test]
    fn whatever_is_accepted_is_written_the_same(mut content in proptest::collection::vec(any::<u8>(), 106..200), count in 0u8..3) {
        (content[0], content[105]) = (VERSION, count);
        let text = text_of(&content);
        if let Ok(ticket) = text.parse::<Ticket>() {
            prop_assert_eq!(ticket.to_string(), text);
        }
    }

    #[test]
    fn round_trip(
        seed: [u8; 32],
        expires_unix_s: u64,
        addresses in proptest::collection::vec("[^\\p{Cc}]{1,60}", 0..=8),
    ) {
        let ticket = Ticket {
            pair: PairId::generate(seed),
            issuer: *Identity::generate(seed).public(),
            addresses,
            secret: TicketSecret::generate(seed),
            expires_unix_s,
        };
        prop_assert_eq!(ticket.to_string().parse::<Ticket>(), Ok(ticket));
    }

    /// One mistyped character never gives another ticket.
    #[test]
    fn a_mistyped_character_is_noticed(at in 6usize..200, typed in "[a-z2-7]") {
        let mut text = ticket().to_string();
        let at = at.min(text.len() - 1);
        if text[at..=at] != typed {
            text.replace_range(at..=at, &typed);
            prop_assert_eq!(text.parse::<Ticket>(), Err(TicketError::CutOrMistyped));
        }
    }
}
