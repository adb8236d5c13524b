//! The declaration of the system, in the compact form svc reads.
#![no_std]
