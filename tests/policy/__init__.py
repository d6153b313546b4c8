"""Tests of the security baseline, exceptions and tinker mode."""
