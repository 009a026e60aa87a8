//! Vectors that nobody here wrote, run through the builder that the handshake uses.

use super::message::HelloKind;
use super::noise::{Entropy, MESSAGE_1_OVERHEAD, MESSAGE_2_OVERHEAD, PSK_POSITION, builder};

/// One vector of cacophony, an independent implementation in Haskell
/// (<https://github.com/haskell-cryptography/cacophony>, vectors/cacophony.txt; also shipped in the package snow 0.10.0).
struct Vector {
    kind: HelloKind,
    handshake_hash: &'static str,
    /// Ciphertexts of [`PAYLOADS`], in order: two handshake messages, then transport messages from both sides in turn.
    ciphertexts: [&'static str; 6],
}

const PROLOGUE: &[u8] = b"John Galt";
const PSK: &[u8; 32] = b"This is my Austrian perspective!";
const INIT_STATIC: &str = "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1";
const INIT_EPHEMERAL: &str = "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a";
const RESP_STATIC: &str = "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893";
const RESP_PUBLIC: &str = "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62";
const RESP_EPHEMERAL: &str = "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b";

const PAYLOADS: [&[u8]; 6] =
    [b"Ludwig von Mises", b"Murray Rothbard", b"F. A. Hayek", b"Carl Menger", b"Jean-Baptiste Say", b"Eugen B\xf6hm von Bawerk"];

const VECTORS: [Vector; 2] = [
    Vector {
        kind: HelloKind::Known,
        handshake_hash: "669c8640d9e42a3cda2f232f78597ceefb01daa6e3df81181ccce6fc6b5026bf",
        ciphertexts: [
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444e417bc55c7a8166c993356c1be41ef6\
             7818a292426f301556c7f26b21d25ddb097153891a9a956cff47b83e63ad8d701c1342c209cff1ca5ecd43402762ac249e\
             3bd3a4c0a145fe07cb5dae28ea13a3",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843af2ccf9972e22afc67aeafcd25162f7f\
             98c363b7762e3e4cb7d272e39f27a5",
            "66acfc92e3197de166809e6d4d5d003dcc819a84bc3522ca53c9d9",
            "71f89aa6533a6de70b0826864dd75f60806ee40170c16290189eb3",
            "4795a3423550c8bf00386bd496a3e2c76c10669d2a75ab8f79b5094c5412a25705",
            "aa0bb39097555c918e40be82abc2b909eb79d9eb87adb07e268fc37323a6cf904fd01fb391",
        ],
    },
    Vector {
        kind: HelloKind::Ticket,
        handshake_hash: "48c3f1eb397c797af6b139032c6074cb41282ff033ee25d5aee4a4badd3a2c3f",
        ciphertexts: [
            "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79445a1baf339186d7867062b0dd31f5de32\
             2d370165d217939b2b7ed9e2bae7840458ea65c2ce1554e0e8077fe7334c4bd514c658fd04d97b86d216f58f59714a7e24\
             144155045c8f36bed85a2cb0fd9af7",
            "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088432fe8d675e949799d2a968211a66cc7ba\
             2b0f4cad8eda3c2bd37eae737bbf88",
            "38cbf3835c78b7802df0dd0d9640ff8575debd0cb61cfb52590da1",
            "ffc365ff6955fc66c5d809b31ac995f812c5770bd29f0df12f0ffd",
            "a7f2828174c4ead2491ffeb77c41c890fd1229ee36f23ccb9066a795daff1cad6b",
            "3b86963d5c0e6e3b4153d77153836606393eefc4e5e6dae97796552d1265839ee3825cb80c",
        ],
    },
];

fn unhex(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

#[test]
fn published_vectors() {
    for vector in VECTORS {
        let (init_static, init_ephemeral) = (unhex(INIT_STATIC), unhex(INIT_EPHEMERAL));
        let (resp_static, resp_ephemeral) = (unhex(RESP_STATIC), unhex(RESP_EPHEMERAL));
        let resp_public = unhex(RESP_PUBLIC);
        let entropy = Entropy::awaiting_seed();
        let start = || builder(vector.kind, &entropy).unwrap().prologue(PROLOGUE).unwrap();
        let mut initiator = start()
            .local_private_key(&init_static)
            .unwrap()
            .remote_public_key(&resp_public)
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&init_ephemeral)
            .build_initiator()
            .unwrap();
        let mut responder = start()
            .local_private_key(&resp_static)
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&resp_ephemeral)
            .build_responder()
            .unwrap();
        if vector.kind == HelloKind::Ticket {
            initiator.set_psk(usize::from(PSK_POSITION), PSK).unwrap();
        }

        let (mut wire, mut text) = ([0; 256], [0; 256]);
        let len = initiator.write_message(PAYLOADS[0], &mut wire).unwrap();
        assert_eq!(wire[..len], unhex(vector.ciphertexts[0]), "message 1");
        assert_eq!(len, PAYLOADS[0].len() + MESSAGE_1_OVERHEAD);
        let len = responder.read_message(&wire[..len], &mut text).unwrap();
        assert_eq!(&text[..len], PAYLOADS[0]);

        // As the responder does: the key comes after message 1 was read.
        if vector.kind == HelloKind::Ticket {
            assert!(responder.write_message(PAYLOADS[1], &mut wire).is_err(), "no key, no answer");
            responder.set_psk(usize::from(PSK_POSITION), PSK).unwrap();
        }
        let len = responder.write_message(PAYLOADS[1], &mut wire).unwrap();
        assert_eq!(wire[..len], unhex(vector.ciphertexts[1]), "message 2");
        assert_eq!(len, PAYLOADS[1].len() + MESSAGE_2_OVERHEAD);
        let len = initiator.read_message(&wire[..len], &mut text).unwrap();
        assert_eq!(&text[..len], PAYLOADS[1]);
        assert_eq!(initiator.get_handshake_hash(), unhex(vector.handshake_hash));
        assert_eq!(responder.get_handshake_hash(), unhex(vector.handshake_hash));

        let mut ends = [initiator, responder].map(|end| end.into_transport_mode().unwrap());
        for i in 2..6 {
            let len = ends[i % 2].write_message(PAYLOADS[i], &mut wire).unwrap();
            assert_eq!(wire[..len], unhex(vector.ciphertexts[i]), "transport message {i}");
            let len = ends[1 - i % 2].read_message(&wire[..len], &mut text).unwrap();
            assert_eq!(&text[..len], PAYLOADS[i]);
        }
    }
}
