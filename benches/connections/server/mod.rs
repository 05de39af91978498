//! The servers that are measured, each in a process of its own.

pub(crate) mod kind;
pub(crate) mod lean;
pub(crate) mod measured;
pub(crate) mod ours;
