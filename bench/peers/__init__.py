"""The same job done by others, and by the plainest loop there can be: what Headwater is compared with."""
