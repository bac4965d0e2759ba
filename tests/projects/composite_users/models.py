"""A user whose primary key is composite, which Django supports for sessions but not for relations."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class TenantUserManager(BaseUserManager):
    def create_user(self, email, password, tenant=1):
        user = self.model(tenant=tenant, email=self.normalize_email(email))
        user.set_password(password)
        user.save(using=self._db)
        return user


class TenantUser(AbstractBaseUser):
    pk = models.CompositePrimaryKey("tenant", "email")
    tenant = models.IntegerField()
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)

    objects = TenantUserManager()
    USERNAME_FIELD = "email"
