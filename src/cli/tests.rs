//! Tests of the command line against a scripted service.
