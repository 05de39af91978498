//! `tasks/get`, `tasks/update` and `tasks/cancel`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::detaching::undeclared;
use super::open_request::{Answer, OpenRequest};
use crate::protocol::task::row::TaskRow;
use crate::server::metadata::meta::Meta;
use crate::server::question::fits;
use crate::server::round::read_answers;
use crate::transport::access::identity::Identity;
use crate::transport::tasks::store::millis;
use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::pieces::PieceWriter;

impl OpenRequest<'_> {
    /// A request about a task. A client that did not say that it has tasks learns of none (TASKS N-6).
    pub(super) async fn answer_task(&self) -> Answer {
        if !self.has_tasks() {
            return Err(undeclared());
        }
        let id = self.request.params().and_then(Params::task_id);
        let id = id.ok_or_else(|| ErrorObject::invalid_params("`taskId` must be a string"))?;
        match self.request.kind() {
            Method::TasksGet => self.task_get(id).await,
            Method::TasksUpdate => self.task_update(&id).await,
            _ => self.task_cancel(&id).await,
        }
    }

    fn principal(&self) -> Option<&str> {
        self.call.identity().map(Identity::principal)
    }

    /// TASKS G-1 to G-8.
    async fn task_get(&self, id: Cow<'_, str>) -> Answer {
        let tasks = self.tasks()?;
        let (method, principal) = (self.request.method(), self.principal());
        let found = tasks.store().find(method, &id, principal).await?;
        let mut out = b"{".to_vec();
        found.task.put_task(&id, &mut out);
        found.task.put_state(&mut out);
        let mut out = PieceWriter::from(out);
        self.closing.end(&mut out, "complete", &Meta::default());
        Ok(Json::from_encoder(out.finish()))
    }

    /// TASKS U-1 to U-8.
    async fn task_update(&self, id: &str) -> Answer {
        if self.params().optional("inputResponses").is_none() {
            return Err(ErrorObject::invalid_params(
                "`inputResponses` must be an object",
            ));
        }
        let answers = read_answers(self.params())?;
        let tasks = self.tasks()?;
        let (method, principal) = (self.request.method(), self.principal());
        let limit = tasks.store().limits.bytes;
        let change = |task: &mut TaskRow| take_answers(task, &answers, limit);
        tasks.store().change(method, id, principal, change).await?;
        Ok(self.acknowledgement())
    }

    /// TASKS K-1 to K-6.
    async fn task_cancel(&self, id: &str) -> Answer {
        let tasks = self.tasks()?;
        let (method, principal) = (self.request.method(), self.principal());
        let change = |task: &mut TaskRow| Ok(task.cancel(millis()));
        tasks.store().change(method, id, principal, change).await?;
        Ok(self.acknowledgement())
    }

    fn acknowledgement(&self) -> Json {
        self.closing.close_text("{}".to_owned(), &Meta::default())
    }
}

/// Takes the answers to open questions and leaves the others. An answer that does not fit its question refuses all of
/// them, so that the client can send them again (TASKS U-3 to U-6).
fn take_answers(
    task: &mut TaskRow,
    answers: &Map<String, Value>,
    limit: usize,
) -> Result<bool, ErrorObject> {
    let asked = |key: &String| task.question(key).is_some();
    let open: Vec<_> = answers.iter().filter(|(key, _)| asked(key)).collect();
    for (key, answer) in &open {
        let question = task.question(key).unwrap_or_default();
        if !fits::fits(question, (*answer).clone()) {
            return Err(ErrorObject::invalid_params(format!(
                "`inputResponses` has an answer to {key:?} that does not fit the question"
            )));
        }
    }
    let texts: Vec<_> = open
        .iter()
        .map(|(key, answer)| (*key, answer.to_string()))
        .collect();
    let bytes: usize = texts.iter().map(|(_, text)| text.len()).sum();
    if task.kept_answers().saturating_add(bytes) > limit {
        return Err(ErrorObject::new(
            -32603,
            format!("the answers have more than {limit} bytes (limit: `Limits::task_bytes`)"),
        ));
    }
    let now = millis();
    Ok(texts.iter().fold(false, |is_changed, (key, text)| {
        task.take_answer(key, text, now) || is_changed
    }))
}
