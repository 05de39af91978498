//! Which scopes a request needs: those of what it names.

use super::completion::Target;
use super::registry::Registry;
use crate::wire::message::Request;
use crate::wire::method::Method;

impl Registry {
    /// The scopes of the tool, resource or prompt that a request is about; of a request about anything
    /// else, and about what is not there, none.
    pub(super) fn scopes(&self, request: &Request) -> &[String] {
        if !self.has_scopes {
            return &[];
        }
        self.scopes_of_named(request).unwrap_or_default()
    }

    fn scopes_of_named(&self, request: &Request) -> Option<&[String]> {
        let params = request.params()?;
        match request.kind() {
            Method::ToolsCall => {
                let (tool, _) = self.tools.get(&params.name()?)?;
                Some(tool.needed_scopes())
            }
            Method::PromptsGet => self.scopes_of_prompt(&params.name()?),
            Method::ResourcesRead | Method::ResourcesSubscribe => {
                self.scopes_of_uri(&params.uri()?)
            }
            Method::CompletionComplete => match Target::read(params.as_raw())? {
                Target::Prompt(name) => self.scopes_of_prompt(&name),
                Target::Template(text) => {
                    let (template, ..) = self.templates.get(&text)?;
                    Some(template.needed_scopes())
                }
            },
            _ => None,
        }
    }

    fn scopes_of_prompt(&self, name: &str) -> Option<&[String]> {
        let (prompt, _) = self.prompts.get(name)?;
        Some(prompt.needed_scopes())
    }

    /// The scopes of the resource, or of the template that the URI is read with; `None` for what
    /// cannot be read.
    pub(super) fn scopes_of_uri(&self, uri: &str) -> Option<&[String]> {
        if let Some((resource, _)) = self.resources.get(uri) {
            return Some(resource.needed_scopes());
        }
        let mut templates = self.templates.iter();
        let (about, ..) = templates.find(|(_, template, _)| template.match_uri(uri).is_some())?;
        Some(about.needed_scopes())
    }
}
