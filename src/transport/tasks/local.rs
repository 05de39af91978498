//! [`LocalTask`]: what the handler of a task and the runner of it share in this process.

use std::mem;
use std::task::{Context, Poll, Waker};

use crate::protocol::task::row::{TaskRow, question_key};
use crate::transport::observe::events::TaskEnd;

/// What a handler wants and what it waits for. The runner writes it into the row of the task, and reads from the
/// row what clients have answered.
#[derive(Default)]
pub(crate) struct LocalTask {
    /// What is not in the row yet. In a box, because most tasks wait without any.
    draft: Option<Box<Draft>>,
    /// The questions that the handler waits for.
    asked: Vec<Asked>,
    /// How many questions there were.
    number: u64,
    is_cancelled: bool,
    /// Whether the handler comes to an end by itself when it is cancelled.
    heeds: bool,
    /// Whether nothing more is asked or told.
    is_over: bool,
    /// Why the task ends, if something of this process ends it.
    end: Option<TaskEnd>,
    runner: Option<Waker>,
    /// Who waits for a cancellation.
    waiting: Vec<Waker>,
}

/// What is to be written into the row of a task.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    asks: Vec<(String, String)>,
    forgets: Vec<String>,
    message: Option<String>,
    /// Whether a client should see it soon.
    is_urgent: bool,
}

struct Asked {
    key: String,
    /// The length of the question.
    len: usize,
    state: Reply,
    waker: Option<Waker>,
}

enum Reply {
    Awaited,
    /// The JSON text of the answer.
    Answered(String),
    Dropped,
}

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// There are as many open questions as there may be, which is this many.
    TooMany(usize),
    /// The questions have more bytes than a task may keep, which is this many.
    TooLong(usize),
    /// No answer came in the time that the handler set.
    TimedOut,
    /// The task is cancelled or has ended.
    Over,
}

/// How many questions a task may have open, and how many bytes it may keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskLimits {
    pub(crate) questions: usize,
    pub(crate) bytes: usize,
}

impl Draft {
    /// Writes it into the row. Gives whether that changed anything.
    pub(crate) fn apply(&self, row: &mut TaskRow, now: u64) -> bool {
        let before = row.updated();
        for (key, text) in &self.asks {
            row.ask(key, text, now);
        }
        let mut is_changed = false;
        for key in &self.forgets {
            is_changed |= row.answer(key).is_some();
            row.forget(key, now);
        }
        if let Some(message) = &self.message {
            row.tell(message, now);
        }
        is_changed || row.updated() > before
    }
}

impl LocalTask {
    /// Begins to ask. Gives the key of the question.
    pub(crate) fn ask(
        &mut self,
        name: &str,
        text: String,
        limits: TaskLimits,
    ) -> Result<String, Unasked> {
        if self.is_over || self.is_cancelled {
            return Err(Unasked::Over);
        }
        if self.asked.len() >= limits.questions {
            return Err(Unasked::TooMany(limits.questions));
        }
        let open: usize = self.asked.iter().map(|asked| asked.len).sum();
        if open.saturating_add(text.len()) > limits.bytes {
            return Err(Unasked::TooLong(limits.bytes));
        }
        self.number += 1;
        let key = question_key(name, self.number);
        self.asked.push(Asked {
            key: key.clone(),
            len: text.len(),
            state: Reply::Awaited,
            waker: None,
        });
        self.drafted().asks.push((key.clone(), text));
        self.hurry();
        Ok(key)
    }

    /// The JSON text of the answer, once there is one; `None` if there will be none.
    pub(crate) fn poll_answer(&mut self, key: &str, cx: &Context<'_>) -> Poll<Option<String>> {
        let Some(asked) = self.asked.iter_mut().find(|asked| asked.key == key) else {
            return Poll::Ready(None);
        };
        match &mut asked.state {
            Reply::Awaited => {
                asked.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Reply::Answered(text) => Poll::Ready(Some(mem::take(text))),
            Reply::Dropped => Poll::Ready(None),
        }
    }

    /// The handler no longer waits for this question. The row forgets it with the next change.
    pub(crate) fn forget(&mut self, key: &str) {
        let Some(at) = self.asked.iter().position(|asked| asked.key == key) else {
            return;
        };
        let asked = self.asked.swap_remove(at);
        let is_over = self.is_over;
        let draft = self.drafted();
        let asks = draft.asks.len();
        draft.asks.retain(|(one, _)| one != key);
        if !is_over && draft.asks.len() == asks {
            draft.forgets.push(asked.key);
        }
        // An answer that was read may stay until something else is written.
        if matches!(asked.state, Reply::Awaited) {
            self.hurry();
        }
    }

    pub(crate) fn tell(&mut self, message: String) {
        if !self.is_over {
            self.drafted().message = Some(message);
            self.hurry();
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.is_cancelled
    }

    /// Ready once the task is cancelled. From now on the handler is not dropped then.
    pub(crate) fn poll_cancelled(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.heeds = true;
        if self.is_cancelled || self.is_over {
            return Poll::Ready(());
        }
        if !self.waiting.iter().any(|one| one.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Ends the task for a reason of this process.
    pub(crate) fn end(&mut self, why: TaskEnd) {
        self.end.get_or_insert(why);
        self.wake();
    }

    /// Why this process ends the task; `None` while it does not.
    pub(crate) fn poll_end(&mut self, cx: &Context<'_>) -> Poll<TaskEnd> {
        if let Some(end) = self.end {
            return Poll::Ready(end);
        }
        self.runner = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether the row has to be written.
    pub(crate) fn has_news(&self) -> bool {
        self.draft.as_ref().is_some_and(|draft| draft.is_urgent)
    }

    pub(crate) fn take_draft(&mut self) -> Draft {
        self.draft
            .take()
            .map_or_else(Draft::default, |draft| *draft)
    }

    /// Gives the handler what the row has for it. Questions that are neither new nor in the row were dropped by a
    /// cancellation. Gives whether the handler has to be dropped.
    pub(crate) fn deliver(&mut self, row: &TaskRow, draft: &Draft) -> bool {
        let is_over = row.is_settled() || row.is_cancelled();
        for asked in &mut self.asked {
            if !matches!(asked.state, Reply::Awaited) {
                continue;
            }
            let is_new = || {
                let drafted = self.draft.iter().flat_map(|draft| &draft.asks);
                let drafts = drafted.chain(&draft.asks);
                drafts.into_iter().any(|(key, _)| *key == asked.key)
            };
            match row.answer(&asked.key) {
                Some(text) => asked.state = Reply::Answered(text.to_owned()),
                None if is_over || row.question(&asked.key).is_none() && !is_new() => {
                    asked.state = Reply::Dropped;
                }
                None => continue,
            }
            if let Some(waker) = asked.waker.take() {
                waker.wake();
            }
        }
        if is_over && !self.is_cancelled {
            self.is_cancelled = true;
            for waker in self.waiting.drain(..) {
                waker.wake();
            }
        }
        is_over && !self.heeds
    }

    /// Nothing more is asked or told. Gives what is dropped outside the lock.
    pub(crate) fn finish(&mut self) -> impl Sized + use<> {
        self.is_over = true;
        // What the handler has left running waits no longer.
        for waker in mem::take(&mut self.waiting) {
            waker.wake();
        }
        for asked in &mut self.asked {
            if matches!(asked.state, Reply::Awaited) {
                asked.state = Reply::Dropped;
            }
            if let Some(waker) = asked.waker.take() {
                waker.wake();
            }
        }
        self.draft.take()
    }

    fn drafted(&mut self) -> &mut Draft {
        self.draft.get_or_insert_default()
    }

    fn hurry(&mut self) {
        self.drafted().is_urgent = true;
        self.wake();
    }

    fn wake(&self) {
        if let Some(runner) = &self.runner {
            runner.wake_by_ref();
        }
    }
}
