//! [`Stateless`]: a client of 2026-07-28. Each request says all that is needed to answer it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::Error;
use super::http::{Headers, Http, Incoming};
use super::mirrored;
use super::notification::Notification;
use super::post::{message, result_of};
use super::question::{Answer, Question};
use super::streamable::mcp_path;
use crate::protocol::header::{MCP_METHOD, MCP_NAME, MCP_PROTOCOL_VERSION};
use crate::wire::header_value;
use crate::wire::method::Method;

/// How often a client comes back with answers before it gives up.
const ROUNDS: usize = 20;

/// The code of a request whose headers do not repeat its body.
const HEADER_MISMATCH: i64 = -32020;

pub(super) struct Stateless {
    http: Arc<Http>,
    path: String,
}

impl Stateless {
    pub(super) fn new(http: &Arc<Http>) -> Result<Self, Error> {
        Ok(Self {
            path: mcp_path(http)?,
            http: Arc::clone(http),
        })
    }

    /// Sends a request, and comes back with answers as long as the server asks (*2026-07-28, Multi
    /// Round-Trip Requests*). Dropping the future cancels the request: it drops the response.
    pub(super) async fn request(&self, method: &str, params: &Value) -> Result<Value, Error> {
        let mut params = self.enveloped(params);
        let mut mirrored = Headers::new();
        for _ in 0..ROUNDS {
            let mut result = match self.once(method, &params, &mirrored).await {
                // A client that does not know the tool learns from its schema what to repeat.
                Err(error) if error.code() == Some(HEADER_MISMATCH) && mirrored.is_empty() => {
                    mirrored = self.mirrored(&params).await?;
                    match mirrored.is_empty() {
                        true => return Err(error),
                        false => self.once(method, &params, &mirrored).await?,
                    }
                }
                outcome => outcome?,
            };
            if result["resultType"] != "input_required" {
                return Ok(result);
            }
            params["inputResponses"] = self.answers(&result["inputRequests"]).await?;
            params["requestState"] = result["requestState"].take();
            if let (true, Some(params)) = (params["requestState"].is_null(), params.as_object_mut())
            {
                params.remove("requestState");
            }
        }
        Err(Error::unexpected(format!(
            "the server asked for more after {ROUNDS} rounds of answers"
        )))
    }

    /// The params with the metadata that every request has.
    fn enveloped(&self, params: &Value) -> Value {
        let profile = &self.http.profile;
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": profile.version.as_str(),
            "io.modelcontextprotocol/clientCapabilities": profile.capabilities(),
            "io.modelcontextprotocol/clientInfo": profile.info(),
        });
        if let Some(level) = profile.log_level {
            meta["io.modelcontextprotocol/logLevel"] = level.as_str().into();
        }
        let mut params = match params {
            Value::Null => json!({}),
            params => params.clone(),
        };
        for (key, value) in params["_meta"].as_object().into_iter().flatten() {
            meta[key] = value.clone();
        }
        params["_meta"] = meta;
        params
    }

    /// One round of a request.
    async fn once(&self, method: &str, params: &Value, more: &Headers) -> Result<Value, Error> {
        let mut incoming = self.post(method, params, more).await?;
        while let Some(message) = incoming.message().await? {
            match message["method"].as_str() {
                Some(method) => self.hear(method, &message["params"]),
                None => return result_of(message),
            }
        }
        Err(Error::ended())
    }

    fn hear(&self, method: &str, params: &Value) {
        let notification = Notification::new(method, params.clone());
        self.http.inbox.hear(notification);
    }

    async fn post(&self, method: &str, params: &Value, more: &Headers) -> Result<Incoming, Error> {
        let version = self.http.profile.version.as_str().to_owned();
        let mut headers = vec![
            (MCP_PROTOCOL_VERSION, version),
            (MCP_METHOD, method.to_owned()),
        ];
        let name = match Method::from(Cow::from(method)) {
            Method::ToolsCall | Method::PromptsGet => params["name"].as_str(),
            Method::ResourcesRead => params["uri"].as_str(),
            Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => {
                params["taskId"].as_str()
            }
            _ => None,
        };
        let name = name.map(|name| (MCP_NAME, header_value::encode(name).into_owned()));
        headers.extend(name);
        headers.extend(more.iter().cloned());
        let id = self.http.next_id();
        let message = message(Some(id), method, params);
        self.http.post(&self.path, headers, &message).await
    }

    /// The headers that repeat arguments of a call.
    async fn mirrored(&self, params: &Value) -> Result<Headers, Error> {
        let mut cursor = Value::Null;
        loop {
            let list = match cursor {
                Value::Null => json!({}),
                cursor => json!({"cursor": cursor}),
            };
            let list = self.enveloped(&list);
            let method = Method::ToolsList.as_str();
            let mut page = self.once(method, &list, &Headers::new()).await?;
            let mut tools = page["tools"].as_array().into_iter().flatten();
            if let Some(tool) = tools.find(|tool| tool["name"] == params["name"]) {
                return Ok(mirrored::headers(
                    &tool["inputSchema"],
                    &params["arguments"],
                ));
            }
            cursor = page["nextCursor"].take();
            if cursor.is_null() {
                return Ok(Headers::new());
            }
        }
    }

    /// Answers each question of a round.
    async fn answers(&self, questions: &Value) -> Result<Value, Error> {
        let mut answers = Map::new();
        for (key, question) in questions.as_object().into_iter().flatten() {
            let method = question["method"].as_str().unwrap_or_default();
            let question = Question::new(method, question["params"].clone());
            let answer = match self.http.profile.replies.to(&question) {
                Some(Answer::Result(answer)) => answer,
                Some(Answer::Never) => std::future::pending().await,
                Some(Answer::Error(error)) => {
                    let message = error.message();
                    return Err(Error::unexpected(format!(
                        "the question {question} was refused ({message}), which a client of this \
                         revision can only do by not coming back"
                    )));
                }
                None => return Err(Error::unanswered(question)),
            };
            answers.insert(key.clone(), answer);
        }
        Ok(answers.into())
    }

    /// Listens to changes until the client leaves. Gives the filter that the server acknowledges.
    pub(super) async fn listen(&self, uri: Option<&str>, filter: &Value) -> Result<Value, Error> {
        let params = self.enveloped(&json!({"notifications": filter}));
        let method = Method::SubscriptionsListen.as_str();
        let mut stream = self.post(method, &params, &Headers::new()).await?;
        let mut first = stream.message().await?.ok_or_else(Error::ended)?;
        if first["method"] != Method::SubscriptionsAcknowledged.as_str() {
            return match result_of(first.clone()) {
                Err(error) => Err(error),
                Ok(_) => Err(Error::unexpected(format!(
                    "{first} came instead of an acknowledgement"
                ))),
            };
        }
        let http = Arc::clone(&self.http);
        self.http.inbox.listen(uri, async move {
            while let Ok(Some(message)) = stream.message().await {
                if let Some(method) = message["method"].as_str() {
                    let params = message["params"].clone();
                    http.inbox.hear(Notification::new(method, params));
                }
            }
        });
        Ok(first["params"]["notifications"].take())
    }

    /// A notification. Servers of this revision accept and ignore it.
    pub(super) async fn notify(&self, method: &str, params: &Value) -> Result<(), Error> {
        let version = self.http.profile.version.as_str().to_owned();
        let headers = vec![
            (MCP_PROTOCOL_VERSION, version),
            (MCP_METHOD, method.to_owned()),
        ];
        let message = message(None, method, params);
        self.http
            .post(&self.path, headers, &message)
            .await
            .map(drop)
    }
}
