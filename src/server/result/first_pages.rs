//! [`FirstPages`]: the results that lists begin with, written once for all who ask.

use std::sync::OnceLock;

use crate::wire::json::Json;
use crate::wire::jsonrpc::ErrorObject;
use crate::wire::method::Method;
use crate::wire::version::ProtocolVersion;

/// What can be listed.
#[derive(Clone, Copy)]
pub(crate) enum List {
    Tools,
    Resources,
    Templates,
    Prompts,
    #[cfg(feature = "skills")]
    Skills,
}

impl List {
    /// How many there are.
    const COUNT: usize = if cfg!(feature = "skills") { 5 } else { 4 };

    /// The method that lists them.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Tools => Method::ToolsList,
            Self::Resources => Method::ResourcesList,
            Self::Templates => Method::ResourceTemplatesList,
            Self::Prompts => Method::PromptsList,
            #[cfg(feature = "skills")]
            Self::Skills => Method::SkillsList,
        }
    }

    /// The member of a result that has the items.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Resources => "resources",
            Self::Templates => "resourceTemplates",
            Self::Prompts => "prompts",
            #[cfg(feature = "skills")]
            Self::Skills => "skills",
        }
    }
}

/// Which first page is asked for.
#[derive(Clone, Copy)]
pub(crate) struct PageKey {
    pub(crate) list: List,
    pub(crate) version: ProtocolVersion,
    pub(crate) asker: Asker,
}

/// Whether the client has an identity: pages say then that they are private (SPEC D-73).
#[derive(Clone, Copy)]
pub(crate) enum Asker {
    Anonymous,
    Identified,
}

/// The first page of each list, in each revision and for each kind of client. Most lists have no second
/// page.
#[derive(Default)]
pub(crate) struct FirstPages([[[OnceLock<Json>; 2]; ProtocolVersion::ALL.len()]; List::COUNT]);

impl FirstPages {
    /// The page, made when it is first asked for.
    pub(crate) fn get_or_make(
        &self,
        key: PageKey,
        make: impl FnOnce() -> Result<Json, ErrorObject>,
    ) -> Result<Json, ErrorObject> {
        let page = &self.0[key.list as usize][key.version as usize][key.asker as usize];
        if let Some(page) = page.get() {
            return Ok(page.clone());
        }
        let made = make()?;
        // Another request may have been faster, and has made the same page.
        Ok(page.get_or_init(|| made).clone())
    }
}

/// A registry is cloned to be changed, which makes its pages out of date.
impl Clone for FirstPages {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// SPEC D-73, G-46: what is for one list, revision or kind of client is for no other, and a copy
    /// begins anew.
    #[test]
    fn each_page_is_made_once() {
        let pages = FirstPages::default();
        let lists = [List::Tools, List::Resources, List::Templates, List::Prompts];
        let each = |pages: &FirstPages, made: &mut dyn FnMut() -> u64| -> Vec<Json> {
            let mut all = Vec::new();
            for list in lists {
                for version in ProtocolVersion::ALL {
                    for asker in [Asker::Anonymous, Asker::Identified] {
                        let make = || {
                            Ok(Json::try_from(&json!({ list.key(): made() })).expect("an object"))
                        };
                        let key = PageKey {
                            list,
                            version,
                            asker,
                        };
                        all.extend(pages.get_or_make(key, make));
                    }
                }
            }
            all
        };
        let mut count = 0;
        let mut next = || {
            count += 1;
            count
        };
        let first = each(&pages, &mut next);
        assert_eq!(first.len(), 40);
        let copy = pages.clone();
        assert_ne!(each(&copy, &mut next), first);
        let again = each(&pages, &mut || panic!("it is there"));
        assert_eq!(again, first);
        assert_eq!(count, 80);
    }

    /// A page that could not be made is asked for again.
    #[test]
    fn a_failure_is_not_kept() {
        let pages = FirstPages::default();
        let fail = || Err(ErrorObject::internal());
        let key = PageKey {
            list: List::Tools,
            version: ProtocolVersion::V2025_11_25,
            asker: Asker::Anonymous,
        };
        assert!(pages.get_or_make(key, fail).is_err());
        assert!(pages.get_or_make(key, || Ok(Json::empty())).is_ok());
    }
}
