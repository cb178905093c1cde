"""A loopback Flex Web Service: the demo's broker and the tests' broker."""
