//! The terminals server.
#![no_std]
