"""Django's cache and sessions in Ramekin: `cache.RamekinCache` and the session engine `ramekin.contrib.django.sessions`."""
