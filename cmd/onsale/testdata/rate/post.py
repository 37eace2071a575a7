"""The request that all testers of `make bench` make: a body that is generated anew each time."""

import random

from locust import FastHttpUser, constant, task


class Buyer(FastHttpUser):
    wait_time = constant(0)

    @task
    def buy(self):
        self.client.post(
            "/buy/1",
            name="/buy/[id]",
            json={"user_email": f"testuser_{random.randint(1, 10000)}@example.com", "quantity": random.randint(1, 5)},
        )
