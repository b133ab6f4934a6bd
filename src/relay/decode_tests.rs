//! The decoder beside tungstenite: the same messages and answers, however the bytes are cut.

use std::sync::Arc;

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame as WireFrame, FrameHeader};

use super::*;
use crate::relay::fuzz::{LIMIT, ours, reference};
use crate::relay::holder::Holder;

/// What a peer may send: whole messages, and messages in fragments with control frames between.
#[derive(Debug, Clone)]
enum Sent {
    Data {
        text: bool,
        parts: Vec<Vec<u8>>,
        ping: bool,
    },
    Pong(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let size = prop_oneof![8 => 0..200_usize, 2 => 65_000..66_000_usize, 1 => 20_000..60_000_usize];
    let part = (size, any::<u8>()).prop_map(|(size, byte)| vec![byte & 0x7f; size]);
    let data = (
        any::<bool>(),
        prop::collection::vec(part, 1..4),
        any::<bool>(),
    );
    let one = prop_oneof![
        6 => data.prop_map(|(text, parts, ping)| Sent::Data { text, parts, ping }),
        1 => prop::collection::vec(any::<u8>(), 0..125).prop_map(Sent::Pong),
    ];
    prop::collection::vec(one, 0..6)
}

fn write(out: &mut Vec<u8>, payload: &[u8], opcode: OpCode, last: bool) {
    let header = FrameHeader {
        is_final: last,
        opcode,
        mask: Some([1, 2, 3, 250]),
        ..FrameHeader::default()
    };
    let frame = WireFrame::from_payload(header, payload.to_vec().into());
    frame.format(out).unwrap();
}

fn bytes(sent: &[Sent], close: Option<u16>) -> Vec<u8> {
    let mut out = Vec::new();
    for one in sent {
        match one {
            Sent::Pong(payload) => write(&mut out, payload, OpCode::Control(Control::Pong), true),
            Sent::Data { text, parts, ping } => {
                for (i, part) in parts.iter().enumerate() {
                    let data = match (i, text) {
                        (0, true) => Data::Text,
                        (0, false) => Data::Binary,
                        _ => Data::Continue,
                    };
                    write(&mut out, part, OpCode::Data(data), i + 1 == parts.len());
                    if *ping {
                        write(
                            &mut out,
                            b"are you there",
                            OpCode::Control(Control::Ping),
                            true,
                        );
                    }
                }
            }
        }
    }
    if let Some(code) = close {
        let payload = [&code.to_be_bytes()[..], b"bye"].concat();
        write(&mut out, &payload, OpCode::Control(Control::Close), true);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn gives_what_tungstenite_gives(
        sent in sent(),
        close in prop::option::of(prop_oneof![Just(1000_u16), 3000..5000_u16]),
        pieces in prop::collection::vec(prop_oneof![1..20_usize, 1000..40_000_usize], 1..8),
    ) {
        let input = bytes(&sent, close);
        let holder = Holder::alone(usize::MAX);
        prop_assert_eq!(ours(&input, &pieces, &holder), reference(&input));
        prop_assert_eq!(holder.booked_bytes(), 0, "booked by nobody");
    }

    /// One byte that is wrong: the same messages before it, and nothing that tungstenite refuses gets through.
    #[test]
    fn refuses_what_tungstenite_refuses(
        sent in sent(),
        at in any::<prop::sample::Index>(),
        bits in 1..=255_u8,
        pieces in prop::collection::vec(1..5000_usize, 1..4),
    ) {
        let mut input = bytes(&sent, Some(1000));
        let at = at.index(input.len().min(400));
        input[at] ^= bits;
        let holder = Holder::alone(usize::MAX);
        let (messages, _, end) = ours(&input, &pieces, &holder);
        let (expected, _, expected_end) = reference(&input);
        // tungstenite finds bad text in a fragment, we when the message is whole.
        let late = expected_end == Some(1007);
        // We refuse by the header alone, and a close code that is not allowed.
        let early = matches!(
            (end, expected_end),
            (Some(1002), Some(1000) | None) | (Some(1009), None)
        );
        let same = end == expected_end || late || early;
        prop_assert!(same, "{end:?} instead of {expected_end:?}");
        prop_assert_eq!(messages, expected);
    }
}

#[test]
fn what_is_not_whole_is_booked_and_refused_above_the_budget() {
    let holder = Holder::alone(50_000);
    let mut frame = Vec::new();
    write(&mut frame, &[7; 100_000], OpCode::Data(Data::Binary), true);
    let mut decoder = Decoder::new(LIMIT, Booking::new(Arc::clone(&holder)));
    let mut none = |_: Frame| panic!("it is not whole");
    let mut replies = Vec::new();
    assert_eq!(
        decoder.feed(&frame[..30_014], &mut replies, &mut none),
        Ok(false)
    );
    assert_eq!(holder.booked_bytes(), 30_000);
    let more = decoder.feed(&frame[30_014..60_000], &mut replies, &mut none);
    assert_eq!(more, Err(End::Fault(Close::Overloaded)));
    drop(decoder);
    assert_eq!(holder.booked_bytes(), 0);
}

#[test]
fn a_promise_of_much_costs_little() {
    let holder = Holder::alone(usize::MAX);
    let mut decoder = Decoder::new(1 << 40, Booking::new(holder));
    let header = [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5];
    let mut none = |_: Frame| panic!("it is not whole");
    decoder.feed(&header, &mut Vec::new(), &mut none).unwrap();
    let room = decoder.room().unwrap().remaining_mut();
    assert!(room <= FIRST_BYTES, "{room}");
}
