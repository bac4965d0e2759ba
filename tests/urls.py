"""The URLs of the test project."""

urlpatterns = []
