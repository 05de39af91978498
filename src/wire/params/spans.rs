//! Where `params` lie in a message, and the members of them that MCP reads.

use super::fault::ParamsFault;
use super::meta::{MetaSpans, unless_null};
use crate::wire::json::{Kind, Part, Scanner, Span, parts};
use crate::wire::jsonrpc::{Fault, Member, MessageLimits, id};

/// Where `params` lie, and those of its members that decide what happens to the message.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) struct ParamSpans {
    pub(in crate::wire) whole: Span,
    pub(in crate::wire) name: Option<Span>,
    pub(in crate::wire) uri: Option<Span>,
    pub(super) task_id: Option<Span>,
    pub(in crate::wire) arguments: Option<Span>,
    pub(super) request_id: Option<Span>,
    /// Whether there are `inputResponses` or a `requestState`.
    pub(super) is_retry: bool,
    /// Whether serde_json may be unable to read a value in them.
    pub(super) may_overflow: bool,
    pub(super) meta: Option<MetaSpans>,
}

parts! {
    /// The members of `params` that MCP reads here.
    enum ParamPart {
        Name = "name",
        Uri = "uri",
        TaskId = "taskId",
        Arguments = "arguments",
        RequestId = "requestId",
        InputResponses = "inputResponses",
        RequestState = "requestState",
        Meta = "_meta",
    }
}

impl ParamSpans {
    /// Reads the object at the scanner's position.
    #[inline(never)]
    pub(in crate::wire) fn read(
        scanner: &mut Scanner<'_>,
        limits: &MessageLimits,
    ) -> Member<Self, ParamsFault> {
        let start = scanner.position();
        let mut members = scanner.object(limits.members)?;
        let mut spans = Self::new(scanner.since(start));
        let mut meta_fault = None;
        while let Some(part) = scanner.next(&mut members)? {
            if matches!(part, ParamPart::Meta) && scanner.peek() == Some(b'{') {
                match MetaSpans::read(scanner, limits)? {
                    Ok(meta) => spans.meta = Some(meta),
                    Err(fault) => meta_fault = Some(fault),
                }
                continue;
            }
            let (kind, span) = scanner.value()?;
            match part {
                ParamPart::Name => spans.name = Some(span),
                ParamPart::Uri => spans.uri = Some(span),
                ParamPart::TaskId => spans.task_id = Some(span),
                ParamPart::Arguments => spans.arguments = unless_null(kind, span),
                ParamPart::RequestId => {
                    spans.request_id = id::<ParamsFault>(kind, span, limits).ok();
                }
                ParamPart::InputResponses | ParamPart::RequestState => {
                    spans.is_retry |= kind != Kind::Null;
                }
                ParamPart::Meta if kind == Kind::Null => {}
                ParamPart::Meta => meta_fault = Some(Fault::Params(ParamsFault::MetaType).into()),
            }
        }
        if let Some(fault) = members.fault("`params`") {
            return Ok(Err(fault.into()));
        }
        if let Some(fault) = meta_fault {
            return Ok(Err(fault));
        }
        spans.whole = scanner.since(start);
        spans.may_overflow = scanner.may_overflow();
        Ok(Ok(spans))
    }

    /// The `params` that begin with `opening`, before any member is read.
    fn new(opening: Span) -> Self {
        Self {
            whole: opening,
            name: None,
            uri: None,
            task_id: None,
            arguments: None,
            request_id: None,
            is_retry: false,
            may_overflow: false,
            meta: None,
        }
    }
}
