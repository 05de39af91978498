//! [`Round`]: one run of a handler in 2026-07-28, where a server cannot ask and wait. A question ends the
//! round; the client comes back with the answers, and the handler runs again (SPEC D-100 to D-116).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use serde_json::{Map, Value, json};

use super::handler_error::HandlerError;
use crate::transport::tasks::handle::Task;
use crate::wire::json::RawJson;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;

/// What the handler of a request has asked so far, and the answers that the request brought.
///
/// ```text
///             every question is answered
///   running ------------------------------> complete
///      |  a question without an answer,
///      |  and nothing else to go on with
///      +----------------------------------> input required --- the client comes back ---> running
///      |  an answer that does not fit
///      +----------------------------------> -32602
/// ```
#[derive(Debug, Default)]
pub(super) struct Round(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    runner: Option<Waker>,
    /// What most calls do not come to, so that a call without questions and without a task is small.
    more: Option<Box<More>>,
}

#[derive(Debug, Default)]
struct More {
    carried: Carried,
    /// The questions of this run, in their order.
    asked: Vec<Asked>,
    fault: Option<ErrorObject>,
    detaching: Detaching,
}

/// Whether the handler goes on as a task.
#[derive(Debug, Default)]
enum Detaching {
    /// It may not.
    #[default]
    Never,
    /// It may, and has not asked for it.
    Possible,
    /// It waits for its task.
    Wanted(Waker),
    Done(Task),
}

/// How a run of a handler ended.
pub(super) enum Ran<T> {
    Complete(T),
    /// It waits for answers.
    Asks,
    /// It waits for its task.
    Detaches,
}

/// What a request brings from earlier rounds.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// The answers, by the keys of their questions.
    pub(super) answers: Map<String, Value>,
    /// What the handler stored for itself.
    #[cfg(feature = "request-state")]
    pub(super) note: Value,
    /// How many rounds there were before.
    #[cfg(feature = "request-state")]
    pub(super) rounds: u64,
}

/// What a carried state may be used for: the client and the request that it is bound to (SPEC D-108).
#[cfg_attr(
    not(feature = "request-state"),
    expect(dead_code, reason = "without states only the params are looked at")
)]
pub(super) struct Purpose<'a> {
    pub(super) principal: Option<&'a str>,
    pub(super) method: &'a str,
    /// The text of an object.
    pub(super) params: RawJson<'a>,
}

impl<'a> Purpose<'a> {
    /// The state that the request brings. Clients write what is absent as `null` too.
    pub(super) fn state(&self) -> Option<RawJson<'a>> {
        self.params.optional("requestState")
    }
}

/// What a handler asks the client.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    /// The key that the client answers under; it gets a number if the handler has used it.
    pub(super) key: &'a str,
    pub(super) method: Method,
    pub(super) params: Option<Value>,
}

impl Question<'_> {
    /// The JSON text of the question, as an `inputRequests` has it.
    pub(super) fn to_text(&self) -> String {
        question_value(&self.method, self.params.as_ref()).to_string()
    }
}

fn question_value(method: &Method, params: Option<&Value>) -> Value {
    match params {
        Some(params) => json!({"method": method.as_str(), "params": params}),
        None => json!({"method": method.as_str()}),
    }
}

/// Which questions a round that ends asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Questions {
    /// Those without an answer: a state carries the answers to the others.
    Open,
    /// All of them: without a state, the client has to bring all answers at once.
    All,
}

#[derive(Clone, Debug)]
struct Asked {
    key: String,
    method: Method,
    params: Option<Value>,
    is_answered: bool,
}

/// The answers of a retry: an object of objects (SPEC D-112). An answer that no question asks for is ignored
/// (SPEC D-110).
pub(super) fn read_answers(params: RawJson<'_>) -> Result<Map<String, Value>, ErrorObject> {
    let answers = params.optional("inputResponses");
    match answers.map(RawJson::to_value) {
        None => Ok(Map::new()),
        Some(Ok(Value::Object(answers))) if answers.values().all(Value::is_object) => Ok(answers),
        Some(_) => Err(ErrorObject::invalid_params(
            "`inputResponses` must be an object whose values are the answers, objects too",
        )),
    }
}

impl Round {
    /// Continues where the earlier rounds of the request ended.
    pub(super) fn bring(&self, carried: Carried) {
        self.lock().more().carried = carried;
    }

    /// Asks. Never ready if there is no answer yet, or if the answer does not fit.
    pub(super) async fn ask<T>(
        &self,
        question: Question<'_>,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> T {
        let answer = self.lock().ask(question);
        if let Some((key, answer)) = answer {
            match read(answer) {
                Some(answer) => return answer,
                None => self.lock().refuse(&key),
            }
        }
        std::future::pending().await
    }

    /// Runs a handler to its end, or until it can only wait for answers, which gives `None`.
    pub(super) async fn run<T>(
        &self,
        handler: impl Future<Output = Result<T, HandlerError>>,
    ) -> Result<Option<T>, HandlerError> {
        let handler = std::pin::pin!(handler);
        Ok(match self.run_on(handler).await? {
            Ran::Complete(output) => Some(output),
            Ran::Asks | Ran::Detaches => None,
        })
    }

    /// As [`run`](Self::run), for a handler that may go on as a task.
    pub(super) async fn run_on<T>(
        &self,
        mut handler: Pin<&mut (impl Future<Output = Result<T, HandlerError>> + ?Sized)>,
    ) -> Result<Ran<T>, HandlerError> {
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = handler.as_mut().poll(cx) {
                return Poll::Ready(outcome.map(Ran::Complete));
            }
            let mut state = self.lock();
            if let Some(more) = &mut state.more {
                if let Some(fault) = more.fault.take() {
                    return Poll::Ready(Err(fault.into()));
                }
                if more.asked.iter().any(|asked| !asked.is_answered) {
                    return Poll::Ready(Ok(Ran::Asks));
                }
                if matches!(more.detaching, Detaching::Wanted(_)) {
                    return Poll::Ready(Ok(Ran::Detaches));
                }
            }
            state.runner = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Lets the handler go on as a task.
    pub(super) fn may_detach(&self) {
        self.lock().more().detaching = Detaching::Possible;
    }

    /// Waits for the task, if there can be one.
    pub(super) async fn detach(&self) -> Option<Task> {
        poll_fn(|cx| {
            let mut state = self.lock();
            let more = state.more();
            match &more.detaching {
                Detaching::Never => return Poll::Ready(None),
                Detaching::Done(task) => return Poll::Ready(Some(task.clone())),
                Detaching::Possible | Detaching::Wanted(_) => {}
            }
            more.detaching = Detaching::Wanted(cx.waker().clone());
            state.wake();
            Poll::Pending
        })
        .await
    }

    /// The handler goes on as this task.
    pub(super) fn detached(&self, task: Task) {
        let before = std::mem::replace(&mut self.lock().more().detaching, Detaching::Done(task));
        if let Detaching::Wanted(waker) = before {
            waker.wake();
        }
    }

    pub(super) fn task(&self) -> Option<Task> {
        match &self.lock().more.as_ref()?.detaching {
            Detaching::Done(task) => Some(task.clone()),
            Detaching::Never | Detaching::Possible | Detaching::Wanted(_) => None,
        }
    }

    /// The `inputRequests` of a round that ends (SPEC D-102).
    pub(super) fn questions(&self, which: Questions) -> Value {
        let mut state = self.lock();
        let open = |asked: &&Asked| which == Questions::All || !asked.is_answered;
        let questions = state.more().asked.iter().filter(open).map(|asked| {
            let question = question_value(&asked.method, asked.params.as_ref());
            (asked.key.clone(), question)
        });
        Value::Object(questions.collect())
    }

    /// The answers to the questions of this run, to be carried to the next.
    #[cfg(feature = "request-state")]
    pub(super) fn carry(&self) -> Carried {
        let mut state = self.lock();
        let state = &*state.more();
        let is_asked = |key: &str| state.asked.iter().any(|asked| asked.key == key);
        let answers = state.carried.answers.iter();
        Carried {
            answers: answers
                .filter(|(key, _)| is_asked(key))
                .map(|(key, answer)| (key.clone(), answer.clone()))
                .collect(),
            note: state.carried.note.clone(),
            rounds: state.carried.rounds + 1,
        }
    }

    #[cfg(feature = "request-state")]
    pub(super) fn note(&self) -> Value {
        self.lock().more().carried.note.clone()
    }

    #[cfg(feature = "request-state")]
    pub(super) fn set_note(&self, note: Value) {
        self.lock().more().carried.note = note;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn more(&mut self) -> &mut More {
        self.more.get_or_insert_default()
    }

    /// Records a question. Returns its key and its answer, if there is one.
    fn ask(&mut self, question: Question<'_>) -> Option<(String, Value)> {
        let key = self.free_key(question.key);
        let more = self.more();
        let answer = more.carried.answers.get(&key).cloned();
        more.asked.push(Asked {
            key: key.clone(),
            method: question.method,
            params: question.params,
            is_answered: answer.is_some(),
        });
        if answer.is_none() {
            self.wake();
        }
        answer.map(|answer| (key, answer))
    }

    /// The key, with a number if it is taken: keys are unique (SPEC D-102). A handler asks in the same order
    /// in each round, so a question keeps its key.
    fn free_key(&mut self, key: &str) -> String {
        let more = &*self.more();
        let is_taken = |key: &str| more.asked.iter().any(|asked| asked.key == key);
        if !is_taken(key) {
            return key.to_owned();
        }
        let numbered = (2..).map(|number| format!("{key}-{number}"));
        numbered
            .into_iter()
            .find(|key| !is_taken(key))
            .unwrap_or_default()
    }

    fn refuse(&mut self, key: &str) {
        self.more().fault = Some(ErrorObject::invalid_params(format!(
            "`inputResponses` has an answer to {key:?} that does not fit the question"
        )));
        self.wake();
    }

    /// Wakes the runner: the question may come from a task of the handler.
    fn wake(&self) {
        if let Some(runner) = &self.runner {
            runner.wake_by_ref();
        }
    }
}
