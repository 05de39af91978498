//! Whole exchanges over real sockets, one module a topic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod apps;
mod auth;
mod before_listening;
mod browser;
mod clients;
mod crowds;
mod ends;
mod equal_ids;
mod failures;
mod faults;
mod features;
#[cfg(feature = "gzip")]
mod gzip;
mod handles;
mod heads;
mod http_sse;
mod in_memory;
mod introductions;
mod isolation;
mod large;
mod layering;
mod lifetimes;
mod limits;
mod listeners;
mod lists;
mod matrix;
mod mounts;
mod nulls;
mod observe;
mod panics;
mod parked;
#[cfg(feature = "request-state")]
mod portable;
mod questions;
mod refused_bodies;
mod refused_builds;
mod rounds;
mod server;
#[cfg(feature = "skills")]
mod skills;
#[cfg(feature = "tracing")]
mod spans;
mod spellings;
mod stateless;
mod stdio;
mod streamable;
mod stress;
mod support;
mod tasks;
mod trace;
mod transcripts;
mod trees;
#[cfg(feature = "schemars")]
mod typed;
mod upgrades;
#[cfg(feature = "validation")]
mod validation;
mod writes;

use support::knock as handshake;
