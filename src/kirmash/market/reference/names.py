"""Members of the enumerations that are asked for in every command, by their own short names.

`Side.BUY` is looked up through a descriptor in Python 3.11, which takes longer than most of what is then done with it;
a name of a module is not. Modules that are not on the way of every order write the long form.
"""

from typing import Final

from kirmash.messages.kinds import Mechanism, OrderState, ParticipantKind, Phase, SelfTrade, Side, TimeInForce

BUY: Final = Side.BUY
SELL: Final = Side.SELL

CDCA: Final = Mechanism.CDCA
CALL: Final = Mechanism.CALL
TRADING: Final = Phase.TRADING
SELLER_CORRECTION: Final = Phase.SELLER_CORRECTION

VISITOR: Final = ParticipantKind.VISITOR
BROKER: Final = ParticipantKind.BROKER

OPEN: Final = OrderState.OPEN
PARKED: Final = OrderState.PARKED
FILLED: Final = OrderState.FILLED

IOC: Final = TimeInForce.IOC
FOK: Final = TimeInForce.FOK
UNTIL: Final = TimeInForce.UNTIL

SELF_TRADE_ALLOWED: Final = SelfTrade.ALLOW
