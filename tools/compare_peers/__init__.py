"""This server beside what a user would pick instead, measured in turns on one machine."""
