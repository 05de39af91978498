//! The methods of the protocol: which there are in an era, and how a server answers them.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::completion::{self, Completion};
use super::metadata::icon::put_icons;
use super::metadata::meta::Meta;
use super::prompt::arguments::PromptArguments;
use super::prompt::definition::Prompt;
use super::prompt::handler::PromptHandler;
use super::registry::Registry;
use super::resource::contents::ResourceContents;
use super::result::cache::Cache;
use super::result::closing::Closing;
use super::result::first_pages::List;
use super::result::page::page;
use super::round::{Carried, Purpose, Round, read_answers};
#[cfg(feature = "request-state")]
use super::state::binding;
use super::tool::arguments::Arguments;
use super::tool::result::ToolResult;
use super::uri_template::uri::is_absolute_uri;
use super::{PAGE_SIZE, Shared};
use crate::protocol::filter::SubscriptionFilter;
use crate::protocol::level::LogLevel;
use crate::protocol::mirror::Headers;
use crate::protocol::uris::Uris;
use crate::transport::access::identity::Identity;
use crate::transport::dispatch::context::Context;
use crate::wire::json::{Json, RawJson};
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::message::Request;
use crate::wire::method::Method;
use crate::wire::params::Params;
use crate::wire::pieces::PieceWriter;
use crate::wire::version::{Era, ProtocolVersion};

type Answer = Result<Json, ErrorObject>;

/// One request on its way to an answer.
struct Asked<'s> {
    server: &'s Shared,
    registry: &'s Registry,
    call: Call,
    request: &'s mut Request,
    version: ProtocolVersion,
    closing: Closing<'s>,
}

impl Shared {
    pub(super) async fn answer(
        &self,
        registry: &Registry,
        call: Call,
        request: &mut Request,
    ) -> Answer {
        let version = call.version();
        let closing = match version.era() {
            Era::Legacy => Closing::LEGACY,
            Era::Modern => Closing {
                server: Some(self.modern_info()),
                ..Closing::LEGACY
            },
        };
        let mut asked = Asked {
            server: self,
            registry,
            version,
            closing,
            call,
            request,
        };
        match version.era() {
            Era::Legacy => asked.answer_legacy().await,
            Era::Modern => asked.answer_modern().await,
        }
    }

    /// SPEC D-120 to D-134: tells of changes until the server ends. While it waits nothing is kept of
    /// the request but its id and the filter.
    pub(super) fn listen(
        self: Arc<Self>,
        registry: &Registry,
        cx: Context,
        request: &Request,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let id = request.id();
        let filter = SubscriptionFilter::read(request.params());
        let filter = filter.map(|filter| registry.honoured(filter, cx.identity()));
        async move {
            cx.listen(filter?).await?;
            // Its id goes out as the bytes it came as (SPEC D-123, D-127).
            let mut out = b"{\"resultType\":\"complete\",\"_meta\":{".to_vec();
            out.extend_from_slice(b"\"io.modelcontextprotocol/subscriptionId\":");
            out.extend_from_slice(id.as_bytes());
            out.extend_from_slice(b",\"io.modelcontextprotocol/serverInfo\":");
            out.extend_from_slice(self.modern_info().as_bytes());
            out.extend_from_slice(b"}}");
            Ok(Json::from_encoder(out))
        }
    }

    /// `serverInfo` as 2026-07-28 has it, made once.
    fn modern_info(&self) -> &str {
        self.modern_info
            .get_or_init(|| self.info(ProtocolVersion::V2026_07_28).to_string())
    }

    /// SPEC E-1 to E-3, and its outcome table.
    fn initialize(&self, registry: &Registry, request: &Request, hears: bool) -> Answer {
        let params = request.params().map(Params::as_raw);
        let member = |name: &str| params?.member(name);
        let invalid = |message: &'static str| ErrorObject::invalid_params(message);
        let requested = member("protocolVersion").and_then(RawJson::as_str);
        let requested = requested.ok_or_else(|| invalid("`protocolVersion` must be a string"))?;
        if !member("capabilities").is_some_and(RawJson::is_object) {
            return Err(invalid("`capabilities` must be an object"));
        }
        let is_named = member("clientInfo").is_some_and(|info| {
            let has = |key: &str| info.member(key).is_some_and(RawJson::is_string);
            has("name") && has("version")
        });
        if !is_named {
            return Err(invalid(
                "`clientInfo` must have `name` and `version`, both strings",
            ));
        }
        let version = ProtocolVersion::negotiate(&requested);
        let mut result = json!({
            "protocolVersion": version.as_str(),
            "capabilities": capabilities(registry, version, hears),
            "serverInfo": self.info(version),
        });
        if let Some(instructions) = self.instructions() {
            result["instructions"] = instructions.into();
        }
        Ok(Json::try_from(&result)?)
    }

    fn instructions(&self) -> Option<&str> {
        self.about.get()?.instructions.as_deref()
    }

    /// SPEC E-1: each field from its revision on.
    fn info(&self, version: ProtocolVersion) -> Value {
        let mut info = json!({"name": self.name, "version": self.version});
        let Some(about) = self.about.get() else {
            return info;
        };
        let mut field = |key: &str, text: &Option<String>| {
            if let Some(text) = text {
                info[key] = text.as_str().into();
            }
        };
        if version.has_titles() {
            field("title", &about.title);
        }
        if version.has_implementation_details() {
            field("description", &about.description);
            field("websiteUrl", &about.website_url);
        }
        put_icons(&about.icons, &mut info, version);
        info
    }
}

/// SPEC E-15, E-17, D-67: what is offered, in the form of the revision.
/// `hears` is whether the client can be told of changes.
fn capabilities(registry: &Registry, version: ProtocolVersion, hears: bool) -> Value {
    let changes = json!({ "listChanged": hears });
    let mut offered = Map::new();
    let mut offer = |key: &str, settings: Value| offered.insert(key.to_owned(), settings);
    if registry.offers_tools {
        offer("tools", changes.clone());
    }
    if registry.has_resources() {
        let settings = json!({"subscribe": registry.subscriptions && hears, "listChanged": hears});
        offer("resources", settings);
    }
    if !registry.prompts.is_empty() {
        offer("prompts", changes);
    }
    if registry.logging {
        offer("logging", json!({}));
    }
    if registry.completion.is_some() && version.has_completions_capability() {
        offer("completions", json!({}));
    }
    offered.into()
}

/// The text of the params; that of an object without members when they are absent (SPEC E-27). What a
/// method needs is read from it member by member: a tree of all of them may be eight times as large.
fn params_of(request: &Request) -> RawJson<'_> {
    let params = request.params().map(Params::as_raw);
    params.unwrap_or_else(|| RawJson::of(b"{}"))
}

impl<'s> Asked<'s> {
    /// The methods that only the legacy era has (SPEC D-60, K), and those that both have.
    async fn answer_legacy(&mut self) -> Answer {
        match self.request.kind() {
            Method::Initialize => {
                let hears = self.call.hears_of_changes();
                self.server.initialize(self.registry, self.request, hears)
            }
            Method::Ping => Ok(Json::empty()),
            Method::ResourcesSubscribe
                if self.registry.subscriptions && self.call.hears_of_changes() =>
            {
                subscribe(self.registry, &self.call, self.request)
            }
            Method::ResourcesUnsubscribe if self.registry.subscriptions => {
                self.call.unsubscribe(&the_uri(self.request)?);
                Ok(Json::empty())
            }
            Method::LoggingSetLevel if self.registry.logging => set_level(&self.call, self.request),
            _ => self.answer_common().await,
        }
    }

    /// The methods that only the modern era has, and those that both have.
    async fn answer_modern(&mut self) -> Answer {
        match self.request.kind() {
            Method::ServerDiscover => self.discover(),
            _ => self.answer_common().await,
        }
    }

    /// SPEC E-16, D-61: a method of a capability that is not declared is not there.
    async fn answer_common(&mut self) -> Answer {
        let registry = self.registry;
        match self.request.kind() {
            Method::ToolsCall if registry.offers_tools => self.call_tool().await,
            Method::ToolsList if registry.offers_tools => {
                let items = registry.tools.iter();
                let items = items.map(|(tool, _)| tool.to_value(self.version));
                self.list(List::Tools, items)
            }
            Method::ResourcesList if registry.has_resources() => {
                let items = registry.resources.iter();
                let items = items.map(|(one, _)| one.to_value(self.version));
                self.list(List::Resources, items)
            }
            Method::ResourceTemplatesList if registry.has_resources() => {
                let items = registry.templates.iter();
                let items = items.map(|(one, ..)| one.to_value(self.version));
                self.list(List::Templates, items)
            }
            Method::ResourcesRead if registry.has_resources() => self.read().await,
            Method::PromptsList if !registry.prompts.is_empty() => {
                let items = registry.prompts.iter();
                let items = items.map(|(prompt, _)| prompt.to_value(self.version));
                self.list(List::Prompts, items)
            }
            Method::PromptsGet if !registry.prompts.is_empty() => self.prompt().await,
            Method::CompletionComplete if registry.completion.is_some() => self.complete().await,
            other => Err(ErrorObject::method_not_found(other.as_str())),
        }
    }

    /// SPEC D-62, D-63.
    fn discover(&self) -> Answer {
        let versions = ProtocolVersion::MODERN.map(ProtocolVersion::as_str);
        let mut result = json!({
            "supportedVersions": versions,
            "capabilities": capabilities(self.registry, self.version, true),
        });
        if let Some(instructions) = self.server.instructions() {
            result["instructions"] = instructions.into();
        }
        let closing = self.closing.kept(self.kept(self.registry.lists_cache));
        Ok(closing.close(&result, &Meta::default()))
    }

    /// How long a result may be kept, and for whom: what was told to one principal is for no cache
    /// that others share, and that no authorizer guards (SPEC D-73, G-46).
    fn kept(&self, cache: Cache) -> Cache {
        match self.call.identity() {
            Some(_) => cache.private(),
            None => cache,
        }
    }

    fn list(&self, list: List, items: impl ExactSizeIterator<Item = Value>) -> Answer {
        let cursor = params_of(self.request).member("cursor");
        let make = || {
            let page = page(cursor, list.key(), items, PAGE_SIZE)?;
            let closing = self.closing.kept(self.kept(self.registry.lists_cache));
            Ok(closing.close(&page, &Meta::default()))
        };
        if cursor.is_some() {
            return make();
        }
        let has_identity = self.call.identity().is_some();
        let pages = &self.registry.first_pages;
        pages.get_or_make(list, self.version, has_identity, make)
    }

    /// SPEC E-33 to E-35, E-38.
    async fn call_tool(&mut self) -> Answer {
        let params = self.request.params();
        let name = params
            .and_then(|params| params.name())
            .ok_or_else(|| ErrorObject::invalid_params("`name` must be a string"))?;
        let (tool, handler) = self.registry.tools.get(&name).ok_or_else(|| {
            let name: String = name.chars().take(100).collect();
            ErrorObject::invalid_params(format!("unknown tool: {name}"))
        })?;
        let arguments = Arguments::of(self.request)?;
        drop(name);
        if self.version.era() == Era::Modern {
            tool.check_mirrored(Headers::new(self.call.headers()), &arguments)?;
        }
        let closing = self.closing;
        let version = self.version;
        let run = self.run(|call| handler(call, arguments)).await;
        let result = match run {
            Ok(Run::Complete(result, _)) => result,
            Ok(Run::InputRequired(answer)) => return Ok(answer),
            // SPEC E-35: where there is no code for what the client lacks, the model is told.
            Err(error) if error.is_missing_capability() && version.era() == Era::Legacy => {
                ToolResult::error(error.message())
            }
            Err(error) => return Err(error),
        };
        if !tool.allows(&result) {
            return Err(ErrorObject::internal());
        }
        Ok(result.into_json(version, closing))
    }

    /// SPEC E-52 to E-54.
    async fn read(&mut self) -> Answer {
        let uri = the_uri(self.request)?;
        let (reader, read, cache) = self
            .registry
            .reader(&uri)
            .ok_or_else(|| ErrorObject::resource_not_found(&uri))?;
        let cache = self.kept(cache);
        let closing = self.closing;
        let version = self.version;
        match self.run(|call| reader(call, read)).await? {
            Run::Complete(contents, is_retry) => {
                // SPEC D-74: what hangs on the answers of one person is kept by nobody.
                let cache = if is_retry { Cache::default() } else { cache };
                Ok(contents_json(contents, version, closing.kept(cache)))
            }
            Run::InputRequired(answer) => Ok(answer),
        }
    }

    /// SPEC E-66, E-67.
    async fn prompt(&mut self) -> Answer {
        let (prompt, handler, arguments) = self.wanted_prompt()?;
        let closing = self.closing;
        let version = self.version;
        match self.run(|call| handler(call, arguments)).await? {
            Run::Complete(result, _) => Ok(result.to_json(prompt.described(), version, closing)),
            Run::InputRequired(answer) => Ok(answer),
        }
    }

    fn wanted_prompt(
        &self,
    ) -> Result<(&'s Prompt, &'s PromptHandler, PromptArguments), ErrorObject> {
        let params = self.request.params();
        let name = params
            .and_then(Params::name)
            .ok_or_else(|| ErrorObject::invalid_params("`name` must be a string"))?;
        let (prompt, handler) = self.registry.prompts.get(&name).ok_or_else(|| {
            let name: String = name.chars().take(100).collect();
            ErrorObject::invalid_params(format!("unknown prompt: {name}"))
        })?;
        let arguments = prompt.arguments(params.and_then(Params::arguments))?;
        Ok((prompt, handler, arguments))
    }

    /// SPEC E-70 to E-72.
    async fn complete(&mut self) -> Answer {
        let Some(handler) = &self.registry.completion else {
            return Err(ErrorObject::method_not_found(self.request.method()));
        };
        let wanted = Completion::read(params_of(self.request), self.version)?;
        if !self
            .registry
            .has_argument(wanted.target(), wanted.argument())
        {
            return Err(ErrorObject::invalid_params(
                "there is no such argument to complete",
            ));
        }
        self.request.trim();
        // SPEC D-100: here no round can be ended with a question.
        let candidates = handler(self.call.without_round(), wanted).await?;
        let result = completion::to_value(&candidates);
        Ok(self.closing.close(&result, &Meta::default()))
    }

    /// Runs a handler that may ask the client. While it runs, a long request is kept only where a question
    /// would be bound to it, and it is little more than what it asks for.
    async fn run<T, F>(&mut self, handler: impl FnOnce(Call) -> F) -> Result<Run<T>, ErrorObject>
    where
        F: Future<Output = Result<T, ErrorObject>>,
    {
        let is_retry = self.is_retry();
        let call = &self.call;
        if let Some(round) = call.round().filter(|_| is_retry) {
            round.bring(self.carried()?);
        }
        let is_padded = call.round().is_some() && self.request.is_padded();
        let binding = is_padded.then(|| self.binding());
        if call.round().is_none() || is_padded {
            self.request.trim();
        }
        // The handler is gone before its round is told.
        let outcome = call.run(handler(call.clone())).await?;
        match (outcome, call.round()) {
            (Some(result), _) => Ok(Run::Complete(result, is_retry)),
            (None, Some(round)) => {
                let binding = binding.unwrap_or_else(|| self.binding())?;
                let answer = self.server.input_required(round, &binding, self.closing)?;
                Ok(Run::InputRequired(answer))
            }
            // Nothing but a round ends without a result.
            (None, None) => Err(ErrorObject::internal()),
        }
    }

    /// Whether the client comes back with answers, as it does in the modern era alone.
    fn is_retry(&self) -> bool {
        let params = self.request.params();
        self.version.era() == Era::Modern && params.is_some_and(|params| params.is_retry())
    }

    /// What the state of this request is bound to.
    fn binding(&self) -> Result<String, ErrorObject> {
        binding(&purpose(&self.call, self.request))
    }

    /// What a retry brings.
    fn carried(&self) -> Result<Carried, ErrorObject> {
        let purpose = purpose(&self.call, self.request);
        let mut carried = self.server.carried(&purpose)?;
        carried.answers.extend(read_answers(purpose.params)?);
        Ok(carried)
    }
}

/// What a state is for that a request brings or gets.
fn purpose<'a>(cx: &'a Context, request: &'a Request) -> Purpose<'a> {
    Purpose {
        principal: cx.identity().map(Identity::principal),
        method: request.method(),
        params: params_of(request),
    }
}

/// No state is given out, and none is bound to anything.
#[cfg(not(feature = "request-state"))]
fn binding(_: &Purpose<'_>) -> Result<String, ErrorObject> {
    Ok(String::new())
}

/// How a handler that may ask the client ended.
enum Run<T> {
    /// With a result; and whether answers of the client went into it.
    Complete(T, bool),
    /// With questions, in this result.
    InputRequired(Json),
}

impl Shared {
    /// The result of a round that ends with questions (SPEC D-101).
    fn input_required(&self, round: &Round, binding: &str, closing: Closing<'_>) -> Answer {
        let state = self.sealed(round, binding)?;
        let mut result = json!({"inputRequests": round.questions(state.is_some())});
        if let Some(state) = state {
            result["requestState"] = state.into();
        }
        let mut out = result.to_string().into_bytes();
        out.pop();
        let mut out = PieceWriter::from(out);
        closing.end(&mut out, "input_required", &Meta::default());
        Ok(Json::from_encoder(out.finish()))
    }

    #[cfg(feature = "request-state")]
    fn carried(&self, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
        self.state_keys().open_state(purpose)
    }

    #[cfg(feature = "request-state")]
    fn sealed(&self, round: &Round, binding: &str) -> Result<Option<String>, ErrorObject> {
        self.state_keys().seal_state(&round.carry(), binding)
    }

    /// Without keys no state was ever given out, so whatever comes is not ours (SPEC D-107).
    #[cfg(not(feature = "request-state"))]
    #[expect(
        clippy::unused_self,
        reason = "the other form of this asks the server's keys"
    )]
    fn carried(&self, purpose: &Purpose<'_>) -> Result<Carried, ErrorObject> {
        if purpose.params.member("requestState").is_some() {
            let message = "`requestState` is not one of this server's: begin again without it";
            return Err(ErrorObject::invalid_params(message));
        }
        Ok(Carried::default())
    }

    #[cfg(not(feature = "request-state"))]
    #[expect(
        clippy::unused_self,
        reason = "the other form of this asks the server's keys"
    )]
    fn sealed(&self, _: &Round, _: &str) -> Result<Option<String>, ErrorObject> {
        Ok(None)
    }
}

/// The absolute URI of a request about a resource (SPEC E-56).
fn the_uri(request: &Request) -> Result<String, ErrorObject> {
    let uri = request.params().and_then(|params| params.uri());
    uri.filter(|uri| is_absolute_uri(uri))
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| ErrorObject::invalid_params("`uri` must be an absolute URI"))
}

/// The result of a read.
fn contents_json(
    contents: Vec<ResourceContents>,
    version: ProtocolVersion,
    closing: Closing<'_>,
) -> Json {
    let mut out = PieceWriter::with_capacity(256);
    out.put(b"{\"contents\":[");
    for (at, one) in contents.into_iter().enumerate() {
        if at > 0 {
            out.put(b",");
        }
        one.put(&mut out, version);
    }
    out.put(b"]");
    closing.end(&mut out, "complete", &Meta::default());
    Json::from_encoder(out.finish())
}

/// SPEC E-57, E-58: only what can be read can be subscribed to.
fn subscribe(registry: &Registry, cx: &Context, request: &Request) -> Answer {
    let uri = the_uri(request)?;
    if registry.reader(&uri).is_none() {
        return Err(ErrorObject::resource_not_found(&uri));
    }
    if cx.subscribe(&uri) {
        Ok(Json::empty())
    } else {
        Err(ErrorObject::invalid_params(format!(
            "the subscriptions of this session take more than {} bytes, each URI with {} of its own",
            Uris::LIMIT,
            Uris::ENTRY
        )))
    }
}

/// SPEC E-81.
fn set_level(cx: &Context, request: &Request) -> Answer {
    let level = params_of(request).text_of("level");
    let level = level.and_then(|level| LogLevel::parse(&level));
    let level = level.ok_or_else(|| {
        let levels = LogLevel::ALL.map(LogLevel::as_str).join(", ");
        ErrorObject::invalid_params(format!("`level` must be one of {levels}"))
    })?;
    cx.set_log_level(level);
    Ok(Json::empty())
}
