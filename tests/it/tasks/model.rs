//! Random sequences of operations on the tasks of two services that share a store, compared with a model.
//!
//! All that clients do happens at a whole second and some milliseconds, and no two of them at the same milliseconds.
//! Handlers and lifetimes take whole seconds. So the model never has to know which of two things at the same instant
//! comes first.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;

use http_body_util::BodyExt;
use mcp_wire::ServiceEvent;
use mcp_wire::backplane::Backplane;
use mcp_wire::server::Arguments;
use proptest::prelude::*;
use tokio::time::Instant;

use super::following::Listening;
use super::*;

const TTL: u64 = 60_000;
/// How long the services have for what an operation sets off.
const MOMENT: u64 = 3;
const PRINCIPALS: [Option<&str>; 3] = [None, Some("ada"), Some("eve")];

/// What the handler of a task does: it asks `each` questions at a time, `rounds` times, waits, and ends.
#[derive(Clone, Copy, Debug)]
struct Script {
    rounds: usize,
    each: usize,
    seconds: u64,
    end: &'static str,
    /// What it does when its client cancels it.
    heeds: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Reply {
    /// The open question with this number among them is answered with a name.
    Right(usize),
    Declined(usize),
    /// The answer does not fit.
    Wrong(usize),
    /// A key that was never asked.
    Unknown,
    /// The oldest key, whose question may have been answered long ago.
    Oldest,
}

/// Who asks which service. Numbers beyond what exists are wrapped.
#[derive(Clone, Copy, Debug)]
struct Asker {
    service: usize,
    principal: usize,
    task: usize,
}

#[derive(Clone, Debug)]
enum Op {
    Create(Asker, Script),
    Get(Asker),
    Update(Asker, Vec<Reply>),
    /// The same question is answered in both services at the same time.
    UpdateBoth(Asker),
    /// One key twice in one object, of which the last counts.
    UpdateDoubled(Asker),
    Cancel(Asker),
    Listen(Asker, Vec<usize>),
    /// The client of a listening request leaves.
    Leave(usize),
    Wait(u64),
    Revoke(Asker),
    Close(usize),
}

fn script() -> impl Strategy<Value = Script> {
    let seconds = prop::sample::select(vec![0, 1, 5, 30, 100]);
    let end = prop::sample::select(vec!["result", "result", "refuse", "panic"]);
    let heeds = prop::sample::select(vec!["nothing", "nothing", "in error", "in the end"]);
    (0..3_usize, 1..4_usize, seconds, end, heeds).prop_map(|(rounds, each, seconds, end, heeds)| {
        Script {
            rounds,
            each,
            seconds,
            end,
            heeds,
        }
    })
}

fn asker() -> impl Strategy<Value = Asker> {
    (0..2_usize, 0..3_usize, 0..8_usize).prop_map(|(service, principal, task)| Asker {
        service,
        principal,
        task,
    })
}

fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Reply::Right),
        1 => (0..3_usize).prop_map(Reply::Declined),
        1 => (0..3_usize).prop_map(Reply::Wrong),
        1 => Just(Reply::Unknown),
        1 => Just(Reply::Oldest),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        5 => (asker(), script()).prop_map(|(asker, script)| Op::Create(asker, script)),
        3 => asker().prop_map(Op::Get),
        8 => (asker(), prop::collection::vec(reply(), 0..4))
            .prop_map(|(asker, replies)| Op::Update(asker, replies)),
        2 => asker().prop_map(Op::UpdateBoth),
        1 => asker().prop_map(Op::UpdateDoubled),
        3 => asker().prop_map(Op::Cancel),
        3 => (asker(), prop::collection::vec(0..9_usize, 1..5))
            .prop_map(|(asker, tasks)| Op::Listen(asker, tasks)),
        1 => (0..4_usize).prop_map(Op::Leave),
        4 => prop::sample::select(vec![1, 1, 5, 29, 61]).prop_map(Op::Wait),
        1 => asker().prop_map(Op::Revoke),
        1 => (0..2_usize).prop_map(Op::Close),
    ]
}

/// How a task ended, as clients see it.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// With these words, each one of several that it may be.
    Completed(Vec<Vec<String>>),
    Failed(i64),
    Cancelled,
}

#[derive(Clone, Debug)]
enum State {
    /// These questions are open.
    Asks(BTreeSet<String>),
    /// Until this time; then it ends so, and the operator hears this.
    Works(u64, Outcome, &'static str),
    Ended(Outcome),
}

/// What the model knows of a task.
struct Known {
    id: String,
    home: usize,
    owner: usize,
    script: Script,
    born: u64,
    state: State,
    /// The rounds that are still to come.
    rounds: usize,
    asked: usize,
    /// What each question may have been answered with.
    words: BTreeMap<usize, Vec<String>>,
    is_cancelled: bool,
    is_gone: bool,
    /// What a client saw last, and whether that was final.
    seen: Option<(Value, bool)>,
}

impl Known {
    /// The next questions, or the work after the last one.
    fn go_on(&mut self, now: u64) {
        if self.rounds > 0 {
            self.rounds -= 1;
            let keys = self.asked + 1..=self.asked + self.script.each;
            self.asked += self.script.each;
            self.state = State::Asks(keys.map(|number| format!("who-{number}")).collect());
            return;
        }
        let (outcome, end) = match self.script.end {
            "result" => {
                let words = self.words.values().cloned().collect();
                (Outcome::Completed(words), "completed")
            }
            "refuse" => (Outcome::Failed(7), "failed"),
            _ => (Outcome::Failed(-32603), "panicked"),
        };
        self.state = State::Works(now + self.script.seconds * 1000, outcome, end);
    }

    fn open(&self) -> Vec<String> {
        match &self.state {
            State::Asks(open) => open.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    fn answered(&mut self, key: &str, words: Vec<String>, now: u64) {
        let State::Asks(open) = &mut self.state else {
            return;
        };
        if !open.remove(key) {
            return;
        }
        let is_last = open.is_empty();
        let number = key.rsplit_once('-').unwrap().1.parse().unwrap();
        self.words.insert(number, words);
        if is_last {
            self.go_on(now);
        }
    }

    fn cancelled(&mut self, now: u64) -> Option<&'static str> {
        if self.is_cancelled || matches!(self.state, State::Ended(_)) {
            return None;
        }
        self.is_cancelled = true;
        if self.script.heeds == "in the end" {
            let words = vec![vec!["in the end".to_owned()]];
            self.state = State::Works(now + 5000, Outcome::Completed(words), "completed");
            return None;
        }
        self.state = State::Ended(Outcome::Cancelled);
        Some("cancelled")
    }

    /// What time does to it. Gives how it ended, if it did.
    fn at(&mut self, now: u64) -> Option<&'static str> {
        if self.is_gone {
            return None;
        }
        let mut ended = None;
        if let State::Works(until, outcome, end) = &self.state
            && *until <= now.min(self.born + TTL)
        {
            ended = Some(*end);
            self.state = State::Ended(outcome.clone());
        }
        if now >= self.born + TTL {
            self.is_gone = true;
            if !matches!(self.state, State::Ended(_)) {
                ended = Some("expired");
            }
        }
        ended
    }

    fn is_live(&self) -> bool {
        !self.is_gone && !matches!(self.state, State::Ended(_))
    }

    /// Compares what a client sees with the model, and with what it saw before.
    fn check(&mut self, task: &Value) {
        let status = match &self.state {
            State::Asks(_) => "input_required",
            State::Works(..) => "working",
            State::Ended(Outcome::Completed(_)) => "completed",
            State::Ended(Outcome::Failed(_)) => "failed",
            State::Ended(Outcome::Cancelled) => "cancelled",
        };
        assert_eq!(task["status"], status, "{task}");
        assert_eq!(task["ttlMs"], TTL);
        let requests = task.get("inputRequests").and_then(Value::as_object);
        let open: Vec<String> = requests
            .into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect();
        assert_eq!(open, self.open());
        let is_final = match &self.state {
            State::Ended(Outcome::Completed(words)) => {
                let text = task["result"]["content"][0]["text"].as_str().unwrap();
                let told: Vec<_> = text.split(',').filter(|word| !word.is_empty()).collect();
                assert_eq!(told.len(), words.len(), "{text}");
                for (told, words) in told.iter().zip(words) {
                    assert!(words.iter().any(|word| word == told), "{text} {words:?}");
                }
                true
            }
            State::Ended(Outcome::Failed(code)) => {
                assert_eq!(task["error"]["code"], *code);
                assert!(task["statusMessage"].is_string());
                true
            }
            State::Ended(Outcome::Cancelled) => true,
            _ => false,
        };
        if let Some((seen, was_final)) = &self.seen {
            assert_eq!(seen["createdAt"], task["createdAt"]);
            let times = [seen, task].map(|task| task["lastUpdatedAt"].as_str().unwrap());
            assert!(times.is_sorted(), "{times:?}");
            assert_eq!(
                times[0] == times[1],
                seen == task,
                "each state has its own time"
            );
            assert!(!was_final || seen == task, "{seen} was final");
        }
        self.seen = Some((task.clone(), is_final));
    }
}

/// A listening client, and what it was told last of each task.
struct Follower {
    listening: Listening,
    asker: Asker,
    told: BTreeMap<String, Value>,
    agreed: Vec<usize>,
    is_over: bool,
}

impl Follower {
    /// Reads what has come. States come in order, and none comes after one that is final.
    async fn read(&mut self) {
        while !self.is_over {
            let next = tokio::time::timeout(Duration::ZERO, self.listening.next());
            let Ok(message) = next.await else { return };
            let Some(mut message) = message else {
                self.is_over = true;
                return;
            };
            if message.get("result").is_some() {
                continue;
            }
            assert_eq!(message["method"], "notifications/tasks");
            let mut task = message["params"].take();
            task.as_object_mut().unwrap().remove("_meta");
            let id = task["taskId"].as_str().unwrap().to_owned();
            if let Some(told) = self.told.get(&id) {
                let times = [told, &task].map(|task| task["lastUpdatedAt"].as_str().unwrap());
                assert!(times[0] < times[1], "{told} {task}");
                let status = told["status"].as_str().unwrap();
                assert!(
                    ["working", "input_required"].contains(&status),
                    "{told} {task}"
                );
            }
            self.told.insert(id, task);
        }
    }
}

struct World {
    clients: [Client; 2],
    is_closed: [bool; 2],
    tasks: Vec<Known>,
    followers: Vec<Follower>,
    seen: Arc<Seen>,
    began: Instant,
    /// How tasks ended, as the operator heard it, and as the model knows it.
    heard: Arc<Mutex<Vec<&'static str>>>,
    ends: Vec<&'static str>,
}

/// Runs the script in its arguments.
async fn act(cx: Call, args: Arguments, alive: Alive) -> Result<String, HandlerError> {
    let task = cx.task().ok_or_else(|| HandlerError::new("no task"))?;
    let number = |name| Ok::<_, HandlerError>(args.opt_unsigned(name)?.unwrap_or_default());
    let (rounds, each, seconds) = (number("rounds")?, number("each")?, number("seconds")?);
    let (end, heeds) = (args.str("end")?, args.str("heeds")?);
    let work = async {
        let mut words = String::new();
        for _ in 0..rounds {
            let ask = async |at: u64| match at < each {
                true => name_of(&cx, "who").await.map(Some),
                false => Ok(None),
            };
            let (one, two, three) = tokio::join!(ask(0), ask(1), ask(2));
            for word in [one?, two?, three?].into_iter().flatten() {
                let _ = write!(words, "{word},");
            }
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        match end {
            "result" => Ok(words),
            "refuse" => Err(ErrorObject::new(7, "refused").into()),
            _ => panic!("as the test wants"),
        }
    };
    let result = match heeds {
        "nothing" => work.await,
        _ => tokio::select! {
            biased;
            () = task.cancelled() => match heeds {
                "in error" => Err(HandlerError::from(ErrorObject::internal())),
                _ => {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    Ok("in the end".to_owned())
                }
            },
            result = work => result,
        },
    };
    drop(alive);
    result
}

impl World {
    fn new() -> Self {
        let (seen, heard) = <(Arc<Seen>, Arc<Mutex<Vec<&'static str>>>)>::default();
        let shared = Backplane::in_memory(1 << 20);
        let clients = [(); 2].map(|()| {
            let (seen, heard) = (Arc::clone(&seen), Arc::clone(&heard));
            let tool = Tool::new("act").input(json!({"type": "object"}));
            let server = Server::new("Model", "1").tool(
                tool.task(TaskUse::Required),
                move |cx: Call, args: Arguments| act(cx, args, Alive::new(&seen)),
            );
            let mcp = McpService::builder(server)
                .backplane(shared.clone())
                .timeouts(|timeouts| timeouts.task = Duration::from_millis(TTL))
                .on_event(move |event| {
                    if let ServiceEvent::TaskEnded { end, .. } = event {
                        heard.lock().unwrap().push(end.as_str());
                    }
                });
            Client::of(mcp.build().unwrap())
        });
        Self {
            clients,
            is_closed: [false; 2],
            tasks: Vec::new(),
            followers: Vec::new(),
            seen,
            began: Instant::now(),
            heard,
            ends: Vec::new(),
        }
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis().try_into().unwrap()
    }

    /// A service that is not closed.
    fn service(&self, asker: Asker) -> usize {
        match self.is_closed[asker.service] {
            true => 1 - asker.service,
            false => asker.service,
        }
    }

    fn client(&self, asker: Asker) -> Client {
        let client = &self.clients[self.service(asker)];
        match PRINCIPALS[asker.principal] {
            None => client.clone(),
            Some(principal) => client.as_principal(principal),
        }
    }

    /// The number of the task that is meant, and whether the asker may know of it.
    fn meant(&self, asker: Asker) -> Option<(usize, bool)> {
        let at = asker.task.checked_rem(self.tasks.len())?;
        let task = &self.tasks[at];
        Some((at, task.owner == asker.principal && !task.is_gone))
    }

    /// Asks about a task. One that the asker may not know of is answered with the same bytes as an unknown one.
    async fn ask(&self, asker: Asker, method: &str, mut params: Value) -> Option<(usize, Value)> {
        let client = self.client(asker);
        let send = async |params: Value| {
            let (status, body) = whole(client.mcp.call(client.request(method, params)).await).await;
            (status.as_u16(), body)
        };
        let unknown = async |mut params: Value| {
            params["taskId"] = "none".into();
            let (status, body) = send(params).await;
            assert!(body.contains("-32602"), "{body}");
            (status, body)
        };
        let Some((at, is_known)) = self.meant(asker) else {
            unknown(params).await;
            return None;
        };
        params["taskId"] = self.tasks[at].id.as_str().into();
        let answer = send(params.clone()).await;
        if !is_known {
            assert_eq!(answer, unknown(params).await);
            return None;
        }
        Some((at, serde_json::from_str(&answer.1).unwrap()))
    }

    async fn look(&mut self, asker: Asker) {
        if let Some((at, mut answer)) = self.ask(asker, "tasks/get", json!({})).await {
            let mut task = answer["result"].take();
            let members = task.as_object_mut().unwrap_or_else(|| panic!("{answer}"));
            members.remove("_meta");
            members.remove("resultType");
            self.tasks[at].check(&task);
        }
    }

    /// Looks at every task, as its owner and as somebody else, in both services.
    async fn look_at_all(&mut self) {
        for task in 0..self.tasks.len() {
            let owner = self.tasks[task].owner;
            for principal in [owner, owner + 1] {
                for service in 0..2 {
                    let principal = principal % PRINCIPALS.len();
                    self.look(Asker {
                        service,
                        principal,
                        task,
                    })
                    .await;
                }
            }
        }
        for (service, client) in self.clients.iter().enumerate() {
            let kept = |task: &&Known| task.home == service && !task.is_gone;
            let kept = self.tasks.iter().filter(kept).count();
            let kept = if self.is_closed[service] { 0 } else { kept };
            assert_eq!(client.mcp.snapshot().tasks, kept);
        }
    }

    /// Lets the services do what is to be done, and looks at what the operator hears of it.
    async fn settle(&mut self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let now = self.now();
        self.ends
            .extend(self.tasks.iter_mut().filter_map(|task| task.at(now)));
        self.ends.sort_unstable();
        let mut heard = self.heard.lock().unwrap().clone();
        heard.sort_unstable();
        assert_eq!(heard, self.ends, "each task settles exactly once");
        let live = self.tasks.iter().filter(|task| task.is_live()).count();
        assert_eq!(self.seen.alive.load(Ordering::SeqCst), live);
        for follower in &mut self.followers {
            follower.read().await;
        }
    }

    async fn update(&mut self, asker: Asker, replies: &[Reply]) {
        let open = self.meant(asker).map(|(at, _)| self.tasks[at].open());
        let open = open.unwrap_or_default();
        let (mut responses, mut taken, mut fits) = (json!({}), BTreeMap::new(), true);
        for reply in replies {
            let (at, answer, word) = match *reply {
                Reply::Unknown => {
                    responses["unknown-1"] = json!({"ignored": true});
                    continue;
                }
                Reply::Oldest => {
                    // Where it is still open this is an answer as any other.
                    responses["who-1"] = accept("old");
                    if open.first().is_some_and(|key| key == "who-1") {
                        taken.insert("who-1".to_owned(), "old");
                    }
                    continue;
                }
                Reply::Right(at) => (at, accept("yes"), Some("yes")),
                Reply::Declined(at) => (at, json!({"action": "decline"}), Some("Declined")),
                Reply::Wrong(at) => (
                    at,
                    json!({"action": "accept", "content": {"name": 7}}),
                    None,
                ),
            };
            let Some(key) = at.checked_rem(open.len()).map(|at| &open[at]) else {
                continue;
            };
            responses[key] = answer;
            match word {
                Some(word) => drop(taken.insert(key.clone(), word)),
                None => drop(taken.remove(key)),
            }
        }
        for key in &open {
            fits &= responses.get(key).is_none() || taken.contains_key(key);
        }
        let params = json!({"inputResponses": responses});
        let Some((at, answer)) = self.ask(asker, "tasks/update", params).await else {
            return;
        };
        if !fits {
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
            return;
        }
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        let now = self.now();
        for (key, word) in taken {
            self.tasks[at].answered(&key, vec![word.to_owned()], now);
        }
    }

    async fn update_both(&mut self, asker: Asker) {
        let Some((at, true)) = self.meant(asker) else {
            return;
        };
        let Some(key) = self.tasks[at].open().pop() else {
            return;
        };
        let answer = |name: &str| json!({"inputResponses": {&key: accept(name)}});
        let other = Asker {
            service: 1 - asker.service,
            ..asker
        };
        let (one, two) = tokio::join!(
            self.ask(asker, "tasks/update", answer("one")),
            self.ask(other, "tasks/update", answer("two")),
        );
        for (_, answer) in [one.unwrap(), two.unwrap()] {
            assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        }
        let now = self.now();
        let words = vec!["one".to_owned(), "two".to_owned()];
        self.tasks[at].answered(&key, words, now);
    }

    async fn update_doubled(&mut self, asker: Asker) {
        let Some((at, is_known)) = self.meant(asker) else {
            return;
        };
        let task = &self.tasks[at];
        let key = task.open().pop().unwrap_or_else(|| "who-1".to_owned());
        let responses = json!({key.as_str(): accept("one"), "twin": accept("two")});
        let params = json!({"taskId": task.id, "inputResponses": responses});
        let client = self.client(asker);
        let (head, body) = client.request("tasks/update", params).into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = std::str::from_utf8(&body).unwrap();
        let body = body.replace("\"twin\"", &format!("{key:?}"));
        let body = http_body_util::Full::new(bytes::Bytes::from(body));
        let request = hyper::Request::from_parts(head, body);
        let (_, body) = whole(client.mcp.call(request).await).await;
        let answer: Value = serde_json::from_str(&body).unwrap();
        if !is_known {
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
            return;
        }
        assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
        let now = self.now();
        self.tasks[at].answered(&key, vec!["two".to_owned()], now);
    }

    async fn listen(&mut self, asker: Asker, tasks: &[usize]) {
        let (mut ids, mut agreed) = (Vec::new(), Vec::new());
        for task in tasks {
            match self
                .meant(Asker {
                    task: *task,
                    ..asker
                })
                .filter(|_| *task < 8)
            {
                Some((at, is_known)) => {
                    ids.push(self.tasks[at].id.clone());
                    if is_known && !agreed.contains(&at) {
                        agreed.push(at);
                    }
                }
                None => ids.push("none".to_owned()),
            }
        }
        let filter = json!({"taskIds": ids});
        let mut listening = Listening::open(&self.client(asker), filter).await;
        let acknowledged = listening.acknowledged().await;
        let told = acknowledged["taskIds"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let expected: Vec<_> = agreed.iter().map(|at| json!(self.tasks[*at].id)).collect();
        assert_eq!(told, expected, "{ids:?}");
        let asker = Asker {
            service: self.service(asker),
            ..asker
        };
        self.followers.push(Follower {
            listening,
            asker,
            told: BTreeMap::new(),
            agreed,
            is_over: false,
        });
    }

    async fn run(&mut self, op: &Op) {
        match op {
            Op::Create(asker, script) => {
                let Script {
                    rounds,
                    each,
                    seconds,
                    end,
                    heeds,
                } = *script;
                let arguments = json!({"rounds": rounds, "each": each, "seconds": seconds, "end": end, "heeds": heeds});
                let id = self.client(*asker).begin("act", arguments).await;
                let mut task = Known {
                    id,
                    home: self.service(*asker),
                    owner: asker.principal,
                    script: *script,
                    born: self.now(),
                    state: State::Ended(Outcome::Cancelled),
                    rounds,
                    asked: 0,
                    words: BTreeMap::new(),
                    is_cancelled: false,
                    is_gone: false,
                    seen: None,
                };
                task.go_on(task.born);
                self.tasks.push(task);
            }
            Op::Get(asker) => self.look(*asker).await,
            Op::Update(asker, replies) => self.update(*asker, replies).await,
            Op::UpdateBoth(asker) => self.update_both(*asker).await,
            Op::UpdateDoubled(asker) => self.update_doubled(*asker).await,
            Op::Cancel(asker) => {
                if let Some((at, answer)) = self.ask(*asker, "tasks/cancel", json!({})).await {
                    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
                    let now = self.now();
                    self.ends.extend(self.tasks[at].cancelled(now));
                }
            }
            Op::Listen(asker, tasks) => self.listen(*asker, tasks).await,
            Op::Leave(follower) => {
                if let Some(at) = follower.checked_rem(self.followers.len()) {
                    self.followers.swap_remove(at);
                }
            }
            Op::Wait(seconds) => {
                tokio::time::sleep(Duration::from_secs(*seconds)).await;
                self.settle(MOMENT).await;
                self.look_at_all().await;
            }
            Op::Revoke(asker) => {
                let Some(principal) = PRINCIPALS[asker.principal] else {
                    return;
                };
                let service = self.service(*asker);
                self.clients[service].mcp.revoke(principal);
                let is_revoked =
                    |one: Asker| (one.service, one.principal) == (service, asker.principal);
                self.followers
                    .retain(|follower| !is_revoked(follower.asker));
                for task in &mut self.tasks {
                    if task.home == service && task.owner == asker.principal && !task.is_gone {
                        self.ends.extend(task.is_live().then_some("revoked"));
                        task.is_gone = true;
                    }
                }
            }
            Op::Close(service) => {
                if self.is_closed.contains(&true) {
                    return;
                }
                self.is_closed[*service] = true;
                self.clients[*service].mcp.close();
                self.followers
                    .retain(|follower| follower.asker.service != *service);
                for task in self.tasks.iter_mut().filter(|task| task.home == *service) {
                    if task.is_live() {
                        self.ends.push("closed");
                        task.state = State::Ended(Outcome::Failed(-32603));
                    }
                }
            }
        }
    }

    /// After the last operation, those who listen have been told of the last states; and after its time, nothing is
    /// left of any task.
    async fn finish(&mut self) {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.settle(MOMENT).await;
        }
        self.look_at_all().await;
        for follower in &self.followers {
            let mut is_over = true;
            for at in &follower.agreed {
                let task = &self.tasks[*at];
                if task.is_gone {
                    continue;
                }
                let (seen, is_final) = task.seen.as_ref().unwrap();
                assert_eq!(follower.told.get(&task.id), Some(seen));
                is_over &= is_final;
            }
            // A service that is closed removes no rows, so those who listen to such a task notice its end later.
            if !self.is_closed.contains(&true) {
                assert_eq!(follower.is_over, is_over);
            }
        }
        tokio::time::sleep(Duration::from_millis(TTL)).await;
        self.settle(MOMENT).await;
        self.look_at_all().await;
        assert_eq!(self.ends.len(), self.tasks.len());
        assert!(self.tasks.iter().all(|task| task.is_gone));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// TASKS S-1, S-7, S-8, G-2 to G-4, U-2 to U-8, K-1 to K-3, K-6, L-1, L-2, L-5, L-6, A-2, A-3, A-5: whatever
    /// clients and operators do with tasks, in whatever order and in whichever process, the tasks are as in the model.
    #[test]
    fn tasks_are_as_in_the_model(ops in prop::collection::vec(op(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for op in &ops {
                world.run(op).await;
                world.settle(MOMENT).await;
            }
            world.finish().await;
        });
    }
}
