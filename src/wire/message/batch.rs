//! An array of messages (SPEC A.3).

use std::collections::HashSet;

use bytes::Bytes;

use super::payload::{Message, Payload};
use crate::wire::json::Scanner;
use crate::wire::jsonrpc::{Envelope, Fault, Member, MessageLimits};
use crate::wire::method::Method;
use crate::wire::params::ParamsFault;

/// Reads the array at the scanner's position.
pub(super) fn batch(
    scanner: &mut Scanner<'_>,
    body: &Bytes,
    limits: &MessageLimits,
) -> Member<Payload, ParamsFault> {
    let mut messages = Vec::new();
    let mut fault = None;
    let mut len = 0;
    let mut elements = scanner.array()?;
    while scanner.next_element(&mut elements)? {
        len += 1;
        if len > limits.batch_len || fault.is_some() {
            scanner.value()?;
        } else if scanner.peek() != Some(b'{') {
            fault = Some(Fault::NotAMessage.into());
            scanner.value()?;
        } else {
            let mut envelope = Envelope::read(scanner, limits)?;
            match Message::of(&mut envelope, body) {
                Ok(message) => messages.push(message),
                Err(unfit) => fault = Some(unfit.fault),
            }
        }
    }
    let fault = match fault {
        _ if len == 0 => Some(Fault::EmptyBatch),
        _ if len > limits.batch_len => Some(Fault::LongBatch {
            limit: limits.batch_len,
        }),
        // SPEC A-64: one invalid element refuses the whole array.
        Some(fault) => Some(Fault::Element(fault)),
        None => unfit_batch(&messages),
    };
    Ok(match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(Payload::Batch(messages)),
    })
}

/// Which rule a batch of valid messages breaks (SPEC ).
fn unfit_batch(messages: &[Message]) -> Option<Fault<ParamsFault>> {
    let mut ids = HashSet::new();
    let mut responses = 0;
    for message in messages {
        match message {
            Message::Request(request) if *request.kind() == Method::Initialize => {
                let method = request.method().into();
                return Some(Fault::MethodInBatch { method });
            }
            Message::Request(request) if !ids.insert(request.id()) => {
                return Some(Fault::DuplicateId);
            }
            Message::Response(_) => responses += 1,
            Message::Request(_) | Message::Notification(_) => {}
        }
    }
    (responses != 0 && responses != messages.len()).then_some(Fault::MixedBatch)
}
