//! [`with_state`]: a handler that shares state with others.

use std::sync::Arc;

use super::call::Call;

/// Makes a handler of a function whose first argument is shared state: a method of `Arc<Self>`, or a function
/// that takes an `Arc`. Each call gets a clone of the `Arc`. It works for every kind of handler.
///
/// The handler keeps the state alive for as long as the server exists.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// use mcp_wire::server::{Arguments, Call, HandlerError, ReadRequest, Resource, Server, Tool, with_state};
///
/// #[derive(Default)]
/// struct Notes(Mutex<Vec<String>>);
///
/// impl Notes {
///     async fn add(self: Arc<Self>, _: Call, args: Arguments) -> Result<&'static str, HandlerError> {
///         let note = args.str("note")?.to_owned();
///         self.0.lock().unwrap().push(note);
///         Ok("added")
///     }
///
///     async fn read(self: Arc<Self>, _: Call, _: ReadRequest) -> String {
///         self.0.lock().unwrap().join("\n")
///     }
/// }
///
/// let notes = Arc::new(Notes::default());
/// let server = Server::new("Notes", "1.0.0")
///     .tool(Tool::new("add"), with_state(&notes, Notes::add))
///     .resource(Resource::new("notes://all", "all"), with_state(&notes, Notes::read));
/// ```
pub fn with_state<S, A, F, H>(
    state: &Arc<S>,
    handler: H,
) -> impl Fn(Call, A) -> F + Send + Sync + 'static + use<S, A, F, H>
where
    S: Send + Sync + 'static,
    A: 'static,
    F: 'static,
    H: Fn(Arc<S>, Call, A) -> F + Send + Sync + 'static,
{
    let state = Arc::clone(state);
    move |call, argument| handler(Arc::clone(&state), call, argument)
}
