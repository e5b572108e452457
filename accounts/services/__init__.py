"""What changes accounts.

``people`` sign up, prove who they are and change what is theirs; ``teams`` have members and invite others; ``keys`` let
programs in, ``factors`` ask for a second proof, ``sessions`` remember who is in, ``programs`` sign in and stay by
``tokens``. ``oidc`` asks the provider that signs people in, ``elsewhere`` says who they are here. ``letters`` are the
mails about all this, ``tries`` the count of knocks at each door.
"""
