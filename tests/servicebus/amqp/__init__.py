"""AMQP 1.0 as far as a Service Bus client speaks it: types, frames, sessions and links."""
