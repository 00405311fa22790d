"""Tests of the Service Bus test broker's parts."""
