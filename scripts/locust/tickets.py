"""The two scenarios of the earlier service's load test, for Locust 2.

    locust -f scripts/locust/tickets.py -H http://127.0.0.1:8000 Tickets
    locust -f scripts/locust/tickets.py -H http://127.0.0.1:8000 TicketsRandomDeny

Locust counts denials as failures, as before; the report shows them by
their status, 409.
"""

import random

from locust import HttpUser, between, task


class Buyer(HttpUser):
    abstract = True
    wait_time = between(1, 3)
    purchase = "/buy"
    concerts = ()

    @task(3)
    def browse(self):
        with self.client.get("/concerts", catch_response=True) as answer:
            if answer.status_code == 200:
                self.concerts = [concert["id"] for concert in answer.json()]
            if not self.concerts:
                answer.failure("no concert is on sale: create one first")

    @task(1)
    def buy(self):
        if not self.concerts:
            return
        order = {
            "user_email": f"testuser_{random.randint(1, 10000)}@example.com",
            "quantity": random.randint(1, 5),
        }
        self.client.post(
            f"{self.purchase}/{random.choice(self.concerts)}",
            json=order,
            name=f"{self.purchase}/[id]",
        )


class Tickets(Buyer):
    purchase = "/buy"


class TicketsRandomDeny(Buyer):
    purchase = "/buy_random_deny"
