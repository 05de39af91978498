//! [`TaskRow`]: the state of a task, as a store keeps it and as clients get it.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::date::iso8601;
use crate::protocol::party::Owner;
use crate::wire::json::put_string;

/// What is known of a task.
///
/// ```text
///              asks                        the last question is answered or given up
///   working ----------> input_required ------------------------------------------------> working
///      |                      |
///      +----------------------+---> completed | failed | cancelled, which are final
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskRow {
    /// The principal that may ask for it.
    owner: Option<Owner>,
    /// In milliseconds since 1970.
    created: u64,
    updated: u64,
    /// In milliseconds.
    times: Times,
    message: Option<String>,
    /// Whether its client has cancelled it.
    is_cancelled: bool,
    /// The questions that wait for answers: a key, and the JSON text of the request.
    open: Vec<(String, String)>,
    /// The answers that its handler has not read yet: a key, and the JSON text of the answer.
    answers: Vec<(String, String)>,
    outcome: Option<TaskOutcome>,
}

/// What clients are told of the times of a task, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// How long it lives from its creation on.
    pub(crate) ttl: u64,
    /// How often a client should ask for it.
    pub(crate) poll: u64,
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TaskOutcome {
    /// With this result, which is JSON text.
    Completed(Bytes),
    /// With this error, which is JSON text.
    Failed(Bytes),
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::InputRequired => "input_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The key of the question with this number. No two questions of a task have the same key, because no two have
/// the same number and a number has no hyphen (TASKS G-3).
pub(crate) fn question_key(name: &str, number: u64) -> String {
    format!("{name}-{number}")
}

impl TaskRow {
    pub(crate) fn new(owner: Option<Owner>, now: u64, times: Times) -> Self {
        Self {
            owner,
            created: now,
            updated: now,
            times,
            message: None,
            is_cancelled: false,
            open: Vec::new(),
            answers: Vec::new(),
            outcome: None,
        }
    }

    pub(crate) fn status(&self) -> Status {
        match &self.outcome {
            None if self.open.is_empty() => Status::Working,
            None => Status::InputRequired,
            Some(TaskOutcome::Completed(_)) => Status::Completed,
            Some(TaskOutcome::Failed(_)) => Status::Failed,
            Some(TaskOutcome::Cancelled) => Status::Cancelled,
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.outcome.is_some()
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Whether this principal may ask for it (TASKS A-2).
    pub(crate) fn is_of(&self, principal: Option<&str>) -> bool {
        self.owner.as_deref() == principal
    }

    /// When it was last changed. No two states of a task have the same time.
    pub(crate) fn updated(&self) -> u64 {
        self.updated
    }

    /// The JSON text of an open question.
    pub(crate) fn question(&self, key: &str) -> Option<&str> {
        let mut open = self.open.iter();
        let (_, text) = open.find(|(one, _)| one == key)?;
        Some(text)
    }

    /// The answer to a question, if there is one.
    pub(crate) fn answer(&self, key: &str) -> Option<&str> {
        let mut answers = self.answers.iter();
        let (_, text) = answers.find(|(one, _)| one == key)?;
        Some(text)
    }

    /// The bytes of the answers that its handler has not read yet.
    pub(crate) fn kept_answers(&self) -> usize {
        self.answers.iter().map(|(_, text)| text.len()).sum()
    }

    /// Each change that a client can see has a time of its own, even within one millisecond (TASKS S-5).
    fn touch(&mut self, now: u64) {
        self.updated = now.max(self.updated + 1);
    }

    /// Asks a question. A task that has ended or is cancelled asks nothing. Gives whether it asks.
    pub(crate) fn ask(&mut self, key: &str, text: &str, now: u64) -> bool {
        // A write that a store reported as failed may have been carried out, and answered since (TASKS G-3).
        let is_asked = self.question(key).is_some() || self.answer(key).is_some();
        if self.is_settled() || self.is_cancelled || is_asked {
            return false;
        }
        self.open.push((key.to_owned(), text.to_owned()));
        self.touch(now);
        true
    }

    /// Takes an answer, if the question is open (TASKS U-3, U-4).
    pub(crate) fn take_answer(&mut self, key: &str, text: &str, now: u64) -> bool {
        let Some(at) = self.open.iter().position(|(one, _)| one == key) else {
            return false;
        };
        self.open.remove(at);
        self.answers.push((key.to_owned(), text.to_owned()));
        self.touch(now);
        true
    }

    /// Forgets a question whose answer was read, or which its handler has given up.
    pub(crate) fn forget(&mut self, key: &str, now: u64) -> bool {
        self.answers.retain(|(one, _)| one != key);
        let before = self.open.len();
        self.open.retain(|(one, _)| one != key);
        let was_open = self.open.len() < before;
        if was_open {
            self.touch(now);
        }
        was_open
    }

    /// Says what the task is doing.
    pub(crate) fn tell(&mut self, message: &str, now: u64) -> bool {
        let is_new = !self.is_settled() && self.message.as_deref() != Some(message);
        if is_new {
            self.message = Some(message.to_owned());
            self.touch(now);
        }
        is_new
    }

    /// Notes that the client wants it to end (TASKS K-6).
    pub(crate) fn cancel(&mut self, now: u64) -> bool {
        if self.is_settled() || self.is_cancelled {
            return false;
        }
        self.is_cancelled = true;
        self.answers.clear();
        if !self.open.is_empty() {
            self.open.clear();
            self.touch(now);
        }
        true
    }

    /// Ends it, unless it has ended (TASKS S-1). A failure has a message that says why (TASKS S-4).
    pub(crate) fn settle(&mut self, outcome: TaskOutcome, message: Option<&str>, now: u64) -> bool {
        if self.is_settled() {
            return false;
        }
        self.open.clear();
        self.answers.clear();
        if let Some(message) = message {
            self.message = Some(message.to_owned());
        }
        self.outcome = Some(outcome);
        self.touch(now);
        true
    }

    /// Writes the members that every answer with this task has (TASKS C-2), without a comma before them.
    pub(crate) fn put_task(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"taskId\":");
        put_string(out, id);
        let (status, created, updated) = (
            self.status().as_str(),
            iso8601(self.created),
            iso8601(self.updated),
        );
        let Times { ttl, poll } = self.times;
        let text = format!(
            ",\"status\":\"{status}\",\"createdAt\":\"{created}\",\"lastUpdatedAt\":\"{updated}\",\
             \"ttlMs\":{ttl},\"pollIntervalMs\":{poll}"
        );
        out.extend_from_slice(text.as_bytes());
        if let Some(message) = &self.message {
            out.extend_from_slice(b",\"statusMessage\":");
            put_string(out, message);
        }
    }

    /// Writes the members of the state, each with a comma before it (TASKS G-1).
    pub(crate) fn put_state(&self, out: &mut Vec<u8>) {
        let mut put = |name: &str, text: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(text);
        };
        match &self.outcome {
            Some(TaskOutcome::Completed(result)) => put(",\"result\":", result),
            Some(TaskOutcome::Failed(error)) => put(",\"error\":", error),
            Some(TaskOutcome::Cancelled) => {}
            None if self.open.is_empty() => {}
            None => {
                put(",\"inputRequests\":", b"");
                for (at, (key, text)) in self.open.iter().enumerate() {
                    out.push(if at == 0 { b'{' } else { b',' });
                    put_string(out, key);
                    out.push(b':');
                    out.extend_from_slice(text.as_bytes());
                }
                out.push(b'}');
            }
        }
    }

    /// The bytes of the row: a line of JSON, and after it the text of the result or the error as it is, however
    /// deep it nests. So do questions and answers, which are strings here.
    pub(crate) fn encode(&self) -> Bytes {
        let mut head = json!({
            "status": self.status().as_str(),
            "times": [self.created, self.updated, self.times.ttl, self.times.poll],
        });
        let pairs = |pairs: &[(String, String)]| -> Value {
            pairs.iter().map(|(key, text)| json!([key, text])).collect()
        };
        if let Some(owner) = &self.owner {
            head["owner"] = (**owner).into();
        }
        if let Some(message) = &self.message {
            head["message"] = message.as_str().into();
        }
        if self.is_cancelled {
            head["cancel"] = true.into();
        }
        if !self.open.is_empty() {
            head["open"] = pairs(&self.open);
        }
        if !self.answers.is_empty() {
            head["answers"] = pairs(&self.answers);
        }
        let mut out = head.to_string().into_bytes();
        if let Some(TaskOutcome::Completed(text) | TaskOutcome::Failed(text)) = &self.outcome {
            out.push(b'\n');
            out.extend_from_slice(text);
        }
        out.shrink_to_fit();
        out.into()
    }

    /// Reads the bytes of a row; `None` if no version of this crate wrote them.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        // JSON text has no raw line break in a string, and this side writes none between tokens.
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let end = end.unwrap_or(bytes.len());
        let head: Map<String, Value> = serde_json::from_slice(&bytes[..end]).ok()?;
        let text = || bytes.slice((end + 1).min(bytes.len())..);
        let pairs = |name: &str| -> Option<Vec<(String, String)>> {
            let pairs = head.get(name).and_then(Value::as_array);
            let pair = |pair: &Value| {
                let text = |at: usize| Some(pair.get(at)?.as_str()?.to_owned());
                Some((text(0)?, text(1)?))
            };
            pairs.into_iter().flatten().map(pair).collect()
        };
        let time = |at: usize| head.get("times")?.get(at)?.as_u64();
        let named = |name: &str| head.get(name).and_then(Value::as_str);
        Some(Self {
            owner: named("owner").map(Owner::from),
            created: time(0)?,
            updated: time(1)?,
            times: Times {
                ttl: time(2)?,
                poll: time(3)?,
            },
            message: named("message").map(ToOwned::to_owned),
            is_cancelled: head.contains_key("cancel"),
            open: pairs("open")?,
            answers: pairs("answers")?,
            outcome: match named("status")? {
                "working" | "input_required" => None,
                "completed" => Some(TaskOutcome::Completed(text())),
                "failed" => Some(TaskOutcome::Failed(text())),
                "cancelled" => Some(TaskOutcome::Cancelled),
                _ => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Ask(u8),
        Answer(u8),
        Forget(u8),
        Tell(u8),
        Cancel,
        Settle(u8),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            (0..4_u8).prop_map(Op::Ask),
            (0..4_u8).prop_map(Op::Answer),
            (0..4_u8).prop_map(Op::Forget),
            (0..3_u8).prop_map(Op::Tell),
            Just(Op::Cancel),
            (0..3_u8).prop_map(Op::Settle),
        ]
    }

    fn outcome(which: u8) -> TaskOutcome {
        match which {
            0 => TaskOutcome::Completed(Bytes::from_static(br#"{"content":[]}"#)),
            1 => TaskOutcome::Failed(Bytes::from_static(br#"{"code":1,"message":"a"}"#)),
            _ => TaskOutcome::Cancelled,
        }
    }

    fn new() -> TaskRow {
        let times = Times { ttl: 9, poll: 1 };
        TaskRow::new(Some("ada".into()), 1000, times)
    }

    /// TASKS G-3: what is asked twice, because a store did not say that it had written it, opens no answered question.
    #[test]
    fn a_question_that_is_answered_does_not_open_again() {
        let mut row = TaskRow::new(None, 0, Times { ttl: 1, poll: 1 });
        assert!(row.ask("a-1", "{}", 1));
        assert!(row.take_answer("a-1", "{}", 2));
        assert!(!row.ask("a-1", "{}", 3));
        assert_eq!(row.status(), Status::Working);
    }

    proptest! {
        /// TASKS S-1, S-5, K-6, U-3, U-8: no transition leaves a state that is final; each change that a client sees
        /// has a later time; a store gives back what it was given.
        #[test]
        fn a_task_moves_as_its_model_does(ops in prop::collection::vec(op(), 0..40)) {
            let mut row = new();
            let (mut open, mut is_cancelled, mut end) = (BTreeSet::new(), false, None);
            for op in ops {
                let before = row.clone();
                let live = end.is_none();
                let changed = match op {
                    Op::Ask(key) => {
                        let is_answered = before.answer(&key.to_string()).is_some();
                        let asks = live && !is_cancelled && !is_answered && open.insert(key);
                        let asked = row.ask(&key.to_string(), "{}", 0);
                        prop_assert_eq!(asked, asks);
                        asked
                    }
                    Op::Answer(key) => {
                        let taken = row.take_answer(&key.to_string(), "{}", 0);
                        prop_assert_eq!(taken, live && open.remove(&key));
                        taken
                    }
                    Op::Forget(key) => {
                        let was_open = row.forget(&key.to_string(), 0);
                        prop_assert_eq!(was_open, live && open.remove(&key));
                        prop_assert_eq!(row.answer(&key.to_string()), None);
                        was_open
                    }
                    Op::Tell(text) => row.tell(&text.to_string(), 0),
                    Op::Cancel => {
                        prop_assert_eq!(row.cancel(0), live && !is_cancelled);
                        is_cancelled |= live;
                        let dropped = live && !open.is_empty();
                        if live { open.clear(); }
                        dropped
                    }
                    Op::Settle(which) => {
                        prop_assert_eq!(row.settle(outcome(which), None, 0), live);
                        if live { end = Some(which); open.clear(); }
                        live
                    }
                };
                prop_assert_eq!(changed, row.updated() > before.updated());
                if !live {
                    prop_assert_eq!(row.outcome.clone(), before.outcome.clone());
                    prop_assert_eq!(row.status(), before.status());
                }
                let expected = match end {
                    Some(0) => Status::Completed,
                    Some(1) => Status::Failed,
                    Some(_) => Status::Cancelled,
                    None if open.is_empty() => Status::Working,
                    None => Status::InputRequired,
                };
                prop_assert_eq!(row.status(), expected);
                prop_assert_eq!(TaskRow::decode(&row.encode()), Some(row.clone()));
            }
        }

        /// TASKS G-3: no two questions of a task have the same key, whatever their names are.
        #[test]
        fn no_two_questions_have_the_same_key(names in prop::collection::vec("[a1-]{0,4}", 0..40)) {
            let keys: BTreeSet<_> = names.iter().zip(1..).map(|(name, at)| question_key(name, at)).collect();
            prop_assert_eq!(keys.len(), names.len());
        }

        #[test]
        fn bytes_of_others_are_no_task(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = TaskRow::decode(&bytes.into());
        }
    }

    fn text(row: &TaskRow) -> Value {
        let mut out = b"{".to_vec();
        row.put_task("id", &mut out);
        row.put_state(&mut out);
        out.push(b'}');
        serde_json::from_slice(&out).unwrap()
    }

    /// TASKS C-2, G-1, G-2, S-4: what each state has, and has not.
    #[test]
    fn each_state_has_its_members() {
        let base = json!({"taskId": "id", "status": "working", "createdAt": "1970-01-01T00:00:01.000Z",
            "lastUpdatedAt": "1970-01-01T00:00:01.000Z", "ttlMs": 9, "pollIntervalMs": 1});
        assert_eq!(text(&new()), base);
        let mut asks = new();
        assert!(asks.ask("a\"-1", r#"{"method":"roots/list"}"#, 1005));
        let told = text(&asks);
        assert_eq!(told["status"], "input_required");
        assert_eq!(told["lastUpdatedAt"], "1970-01-01T00:00:01.005Z");
        assert_eq!(
            told["inputRequests"],
            json!({"a\"-1": {"method": "roots/list"}})
        );
        for (which, status, member) in [
            (0, "completed", "result"),
            (1, "failed", "error"),
            (2, "cancelled", ""),
        ] {
            let mut row = asks.clone();
            assert!(row.settle(outcome(which), Some("why"), 1006));
            let told = text(&row);
            assert_eq!(
                (&told["status"], &told["statusMessage"]),
                (&json!(status), &json!("why"))
            );
            for one in ["result", "error", "inputRequests"] {
                assert_eq!(told.get(one).is_some(), one == member, "{status} {one}");
            }
        }
    }

    /// A row keeps what nests deeper than a tree of serde_json may.
    #[test]
    fn a_row_keeps_what_nests_deeply() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let mut row = new();
        row.ask("a", &deep, 0);
        row.ask("b", "{}", 0);
        row.take_answer("b", &deep, 0);
        assert_eq!(TaskRow::decode(&row.encode()), Some(row.clone()));
        row.settle(TaskOutcome::Completed(deep.into()), None, 0);
        assert_eq!(TaskRow::decode(&row.encode()), Some(row));
    }
}
